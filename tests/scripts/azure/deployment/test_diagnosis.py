"""The causes are recognised in what the real inference server writes when it really fails."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from scripts.azure.deployment.diagnosis import SAID_BY_AZURE, SAID_BY_THE_CONTAINER, diagnose
from scripts.local_server import LocalServer, ServerStartError
from scripts.paths import DEMO

CRASHED = "ResourceNotReady: User container has crashed or terminated."


def failing_log(model: Path, extra: dict[str, str] | None = None, script: str = "score.py") -> str:
    with pytest.raises(ServerStartError) as caught, LocalServer(model, extra, script):
        pass
    return str(caught.value)


def test_broken_checkpoint(tmp_path: Path) -> None:
    broken = tmp_path / "model"
    shutil.copytree(DEMO, broken)
    weights = broken / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    found = diagnose(CRASHED, failing_log(broken))
    assert found.name == "broken model"
    assert "cannot be read as safetensors" in found.what


def test_missing_checkpoint(tmp_path: Path) -> None:
    found = diagnose(CRASHED, failing_log(tmp_path))
    assert found.name == "missing model"
    assert "No config.json and model.safetensors" in found.what


def test_other_weights_than_demanded() -> None:
    found = diagnose(CRASHED, failing_log(DEMO, {"CHECKPOINT_SHA256": "0" * 64}))
    assert found.name == "broken model"
    assert "SHA-256" in found.what


def test_bad_setting() -> None:
    found = diagnose(CRASHED, failing_log(DEMO, {"PRECISION": "fast"}))
    assert found.name == "bad setting"
    assert "PRECISION" in found.what


@pytest.mark.parametrize(
    ("script", "name", "quoted"),
    [
        ("import not_there\n", "missing module", "not_there"),
        ("def init(:\n", "error in score.py", "SyntaxError"),
        ("def run(data): return 1\n", "error in score.py", "init()"),
        (
            "def init(): raise MemoryError\ndef run(data): return 1\n",
            "out of memory",
            "MemoryError",
        ),
        ("def init(): 1 / 0\ndef run(data): return 1\n", "init() failed", ""),
        (None, "scoring script not found", "score_here.py"),
    ],
)
def test_scoring_script(tmp_path: Path, script: str | None, name: str, quoted: str) -> None:
    path = tmp_path / "score_here.py"
    if script is not None:
        path.write_text(script)
    found = diagnose(CRASHED, failing_log(DEMO, script=str(path)))
    assert found.name == name
    assert quoted in found.what


@pytest.mark.parametrize(
    ("error", "name"),
    [
        ("OutOfQuota: Not enough quota available for Standard_DS3_v2 in SubscriptionId x. "
         "Current usage/limit: 4/6. Additional needed: 8", "quota"),
        ("OutOfQuota: Kubernetes unschedulable. Details:0/1 nodes are available: 1 Too many pods",
         "pods do not fit"),
        ("AllocationFailed: The service failed to allocate the VMs", "no capacity"),
        ("BadArgument: The instance type Standard_XX is not supported for online endpoints",
         "unknown SKU"),
        ("ImageBuildFailure: Image build failed. For more details, check the build log under the "
         "storage account x", "image build"),
        ("BadArgument: Unable to download user container image", "registry"),
        ("ImageBuildFailure: container registry authorization failure", "registry"),
        ("BadArgument: Unable to download user model", "model download"),
        ("WorkspaceManagedNetworkNotReady: provision it", "managed network"),
        ("ResourceNotReady: User container has crashed or terminated: Liveness probe failed: HTTP "
         "probe failed with statuscode: 502", "probe"),
        (CRASHED, "crash"),
        ("OperationCanceled: Operation was canceled by another operation", "overtaken"),
        ("DeadlineExceeded: the operation timed out", "timeout"),
        ("InternalServerError: x", "service"),
        ("UserScriptImportError: ModuleNotFoundError: No module named 'cv2'", "missing module"),
        ("SecretsInjectionError: Secret retrieval and injection failed.", "secrets"),
        ("BadArgument: Startup task failed due to authorization error", "identity"),
        ("BadArgument: Subscription ID is disabled", "subscription"),
        ("ReadOnlyDisabledSubscription: The subscription 's' is disabled and therefore marked as "
         "read only.", "subscription"),
        ("OutOfQuota: Not enough quota available for X in subscription s", "quota"),
        ("SomethingNew: never seen", "unknown"),
    ],
)  # fmt: skip
def test_what_azure_says(error: str, name: str) -> None:
    log = "2026-11-22 13:22:36 I azmlinfsrv - Server Settings: Worker Timeout (seconds): 300"
    assert diagnose(error, log).name == name


def test_every_cause_says_what_to_do() -> None:
    for cause in (*SAID_BY_THE_CONTAINER, *SAID_BY_AZURE):
        assert cause.what.endswith((".", "{0}", ")."))
        assert cause.remedy
