"""Each mistake that can be seeded into a file is found, and said with what, why and how."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from scripts.azure.checks import check_cluster, check_deployment, check_endpoint
from scripts.azure.findings import Finding
from tests.scripts.azure.checks.files import GONE, changed

CPU, GPU, K8S, BATCH, BATCH_GPU = (
    f"deployments/{name}"
    for name in ("online-cpu", "online-gpu", "kubernetes-cpu", "batch-cpu", "batch-gpu")
)
PIPELINE = "deployments/batch-pipeline"
V = "environment_variables"
R = "request_settings"
SEEDED: list[tuple[str, dict[str, Any], str, str]] = [
    # names
    (CPU, {"name": "b"}, "error", "name 'b'"),
    (CPU, {"name": "blue--two"}, "error", "name 'blue--two'"),
    (CPU, {"name": "9lives"}, "error", "name '9lives'"),
    (CPU, {"endpoint_name": "x" * 33}, "error", "endpoint_name"),
    (K8S, {"name": "b" * 32, "endpoint_name": "e" * 32}, "error", "too long together"),
    # what the loaders find
    (CPU, {"instance_cuont": 1}, "error", "SDK refuses.*instance_cuont"),
    (CPU, {"instance_type": GONE}, "error", "SDK refuses.*instance_type"),
    (CPU, {"data_collector.rolling_rate": "year"}, "error", "SDK refuses"),
    (CPU, {"data_collector.sampling_rate": 2.0}, "error", "SDK refuses"),
    (CPU, {"scale_settings": {"type": "target_utilization"}}, "error", "DefaultScaleSettings"),
    (BATCH, {"settings.mini_batch": 3}, "error", "SDK refuses.*mini_batch"),
    # ranges
    (CPU, {"instance_count": -4}, "error", "instance_count is -4"),
    (CPU, {"instance_count": 51}, "error", "instance_count is 51"),
    (CPU, {f"{R}.request_timeout_ms": 180_001}, "error", "request_timeout_ms is 180001"),
    (K8S, {f"{R}.request_timeout_ms": 300_001}, "error", "request_timeout_ms is 300001"),
    (CPU, {f"{R}.max_concurrent_requests_per_instance": 0}, "error", "per_instance is 0"),
    (CPU, {"liveness_probe.timeout": 300}, "error", "liveness_probe.timeout is 300"),
    (CPU, {"liveness_probe.success_threshold": 2}, "error", "success_threshold is 2"),
    (CPU, {"readiness_probe.period": 0}, "error", "readiness_probe.period is 0"),
    (BATCH, {"settings.mini_batch_size": 0}, "error", "settings.mini_batch_size is 0"),
    (BATCH, {"settings.retry_settings.timeout": 259_201}, "error", "timeout is 259201"),
    (BATCH, {"settings.error_threshold": -2}, "error", "error_threshold is -2"),
    (BATCH, {"resources.instance_count": 0}, "error", "resources.instance_count is 0"),
    # probes
    (CPU, {"liveness_probe.failure_threshold": 1, "liveness_probe.initial_delay": 3},
     "error", "liveness_probe gives up 13 s"),
    (CPU, {"readiness_probe.failure_threshold": 4}, "warning", "readiness_probe gives up 25 s"),
    (GPU, {"liveness_probe.failure_threshold": 10}, "error", "liveness_probe gives up 130 s"),
    (CPU, {"readiness_probe.initial_delay": 300}, "warning", "initial_delay is 300"),
    (CPU, {"readiness_probe.timeout": 1}, "warning", "readiness_probe.timeout is 1"),
    # load
    (CPU, {f"{R}.max_concurrent_requests_per_instance": 16}, "error", "has 16 threads"),
    (CPU, {f"{R}.max_concurrent_requests_per_instance": GONE}, "warning", "per_instance is 1"),
    (CPU, {f"{V}.GUNICORN_CMD_ARGS": GONE}, "warning", "GUNICORN_CMD_ARGS is not set"),
    (CPU, {f"{V}.GUNICORN_CMD_ARGS": "--graceful-timeout 20"}, "error", "runs one thread"),
    (CPU, {f"{V}.GUNICORN_CMD_ARGS": "--threads=8"}, "error", "has 8 threads"),
    (CPU, {f"{V}.GUNICORN_CMD_ARGS": "--threads many"}, "error", "runs one thread"),
    (CPU, {f"{V}.WORKER_COUNT": "4"}, "warning", "WORKER_COUNT is 4"),
    (CPU, {f"{R}.request_timeout_ms": GONE}, "error", "REQUEST_TIMEOUT_MS is 9000.*is 5000"),
    (CPU, {f"{V}.REQUEST_TIMEOUT_MS": "0"}, "error", "REQUEST_TIMEOUT_MS is unlimited"),
    (GPU, {f"{V}.REQUEST_TIMEOUT_MS": GONE, f"{R}.request_timeout_ms": 4500},
     "error", "REQUEST_TIMEOUT_MS is 4500"),
    # size
    (CPU, {"instance_type": "Standard_F4_v2"}, "warning", "not among the sizes"),
    (CPU, {"instance_type": "Standard_F4s_v2"}, "warning", "ends Standard_F4s_v2 on 2028-11-15"),
    (CPU, {f"{V}.ENGINE": "cuda"}, "error", "ENGINE is cuda, and Standard_D4as_v4 has no GPU"),
    (GPU, {f"{V}.ENGINE": "auto"}, "warning", "ENGINE is auto on a size with a GPU"),
    (GPU, {f"{V}.PRECISION": "bf16"}, "warning", "PRECISION is bf16"),
    (CPU, {f"{V}.PRECISION": "bf16"}, "warning", "PRECISION is bf16"),
    # variables
    (CPU, {f"{V}.THREADS": 4}, "error", "THREADS is 4 and no text"),
    (CPU, {f"{V}.COLLECT_SCORES": True}, "error", "COLLECT_SCORES is True and no text"),
    (CPU, {f"{V}.PRECISON": "fp32"}, "error", "PRECISON is read by nothing; PRECISION is"),
    (CPU, {f"{V}.WORKER_COUNTS": "1"}, "error", "WORKER_COUNTS is read by nothing"),
    (CPU, {f"{V}.MY_TEAM": "a"}, "warning", "MY_TEAM is not known"),
    (CPU, {f"{V}.PRECISION": "fp17"}, "error", "PRECISION: Input should be"),
    (CPU, {f"{V}.MAX_FRAMES": "0"}, "error", "MAX_FRAMES: .*greater than or equal to 1"),
    (CPU, {f"{V}.CHECKPOINT_SHA256": "ABC"}, "error", "CHECKPOINT_SHA256: "),
    (BATCH, {f"settings.{V}.PRECISION": "fp17"}, "error", "PRECISION: Input should be"),
    (BATCH, {V: {"ENGINE": "openvino"}}, "error", "stands at the top"),
    # privacy
    (CPU, {f"{V}.APP_INSIGHTS_LOG_RESPONSE_ENABLED": "true"}, "error", "app_insights_enabled w"),
    (CPU, {f"{V}.APP_INSIGHTS_LOG_RESPONSE_ENABLED": GONE}, "error", "app_insights_enabled w"),
    (CPU, {f"{V}.AML_MODEL_DC_STORAGE_ENABLED": "true"}, "error", "AML_MODEL_DC_STORAGE_ENABLED"),
    (CPU, {"data_collector.collections.request": {"enabled": "True"}}, "error", "s.request is en"),
    (CPU, {"data_collector.collections.response": {"enabled": "True"}}, "error", "response is en"),
    (CPU, {"data_collector": GONE}, "warning", "data_collector has no collection model_outputs"),
    (CPU, {f"{V}.COLLECT_SCORES": GONE}, "warning", "COLLECT_SCORES is not true"),
    # code
    (CPU, {"code_configuration": GONE}, "error", "no code or no scoring_script"),
    (CPU, {"code_configuration.scoring_script": "scores.py"}, "error", "has no scores.py"),
    (CPU, {f"{V}.POLICY_FILE": "policy.yml"}, "error", "POLICY_FILE policy.yml would not be"),
    (CPU, {f"{V}.POLICY_FILE": "/etc/policy.yml"}, "warning", "POLICY_FILE is /etc"),
    (CPU, {f"{V}.POLICY_FILE": "score.py"}, "error", "POLICY_FILE score.py: "),
    # model
    (CPU, {"model": GONE}, "error", "model is missing"),
    (CPU, {"model": {"path": "nowhere"}}, "error", "model.path: .*nowhere is no folder"),
    # environment
    (CPU, {"environment": GONE}, "error", "environment is missing"),
    (GPU, {"environment": "azureml:nsfw-image-detector-cpu@latest"}, "error", "detector-cpu$"),
    (CPU, {"environment": "azureml:nsfw-image-detector-batch:3"}, "error", "detector-batch$"),
    (BATCH, {"environment": "azureml:nsfw-image-detector-cpu:3"}, "error", "detector-cpu$"),
    (BATCH_GPU, {"environment": "azureml:nsfw-image-detector-gpu:3"}, "error", "detector-gpu$"),
    # resources
    (K8S, {"resources.limits.memory": "1Gi"}, "error", "limits.memory is 1Gi"),
    (K8S, {"resources.limits.memory": "800M"}, "error", "limits.memory is 800M"),
    (K8S, {"resources.limits.cpu": "1500m"}, "warning", "limits.cpu is 1500m"),
    (BATCH, {"settings.error_threshold": -1}, "warning", "error_threshold is -1"),
    (BATCH, {"settings.max_concurrency_per_instance": 4}, "warning", "max_concurrency"),
    (PIPELINE, {"component": "gone.yml"}, "error", "SDK refuses"),
    (PIPELINE, {"name": "x"}, "error", "no name that Azure accepts"),
    (PIPELINE, {"settings.defualt_compute": "a"}, "error", "defualt_compute is no setting"),
    (PIPELINE, {"settings": GONE}, "error", "default_compute is missing"),
    (BATCH, {"settings.retry_settings.timeout": 4095}, "error", "timeout is 4095 s for 64 files"),
    (BATCH, {f"settings.{V}.MAX_VIDEO_FRAMES": "64"}, "error", "timeout is 4500 s"),
    (BATCH, {"settings.output_action": GONE}, "warning", "output_action is append_row"),
]  # fmt: skip
SEEDED_ENDPOINTS: list[tuple[str, dict[str, Any], str, str]] = [
    ("online", {"name": "my_endpoint"}, "error", "name 'my_endpoint'"),
    ("online", {"name": "ab"}, "error", "name 'ab'"),
    ("online", {"auth_mode": "none"}, "error", "SDK refuses"),
    ("online", {"public_network_access": False}, "error", "public_network_access is False"),
    ("kubernetes", {"auth_mode": "aad_token"}, "error", "auth_mode is aad_token"),
    ("batch", {"auth_mode": "key"}, "error", "auth_mode is key"),
    ("online", {"traffic": {"blue": 90}}, "error", "traffic adds up to 90 %"),
    ("online", {"traffic": {"blue": 100}}, "warning", "traffic stands in the file"),
    ("online", {"mirror_traffic": {"green": 80}}, "error", "mirror_traffic is"),
    ("online", {"mirror_traffic": {"green": 5, "red": 5}}, "error", "mirror_traffic is"),
    ("kubernetes", {"mirror_traffic": {"green": 5}}, "error", "mirror_traffic stands in"),
    ("online", {"traffic": "blue=100"}, "error", "traffic is 'blue=100'"),
    ("online", {"mirror_traffic": {"green": "5 %"}}, "error", "mirror_traffic is"),
]
SEEDED_CLUSTERS: list[tuple[str, dict[str, Any], str, str]] = [
    ("batch-cpu", {"size": "Standard_F8s_v2"}, "warning", "ends Standard_F8s_v2 on 2028-11-15"),
    ("batch-cpu", {"size": GONE}, "error", "size is None"),
    ("batch-cpu", {"sizes": 4}, "error", "SDK refuses.*sizes"),
    ("batch-gpu", {"max_instances": 0}, "error", "max_instances is 0, min_instances 0"),
    ("batch-gpu", {"min_instances": 3}, "error", "max_instances is 2, min_instances 3"),
    ("batch-gpu", {"min_instances": 1}, "warning", "min_instances is 1"),
]


def _matching(findings: list[Finding], severity: str, pattern: str) -> list[Finding]:
    return [f for f in findings if f.severity == severity and re.search(pattern, f.what)]


def _ids(value: object) -> str | None:
    return str(value)[:50] if isinstance(value, dict) else None


@pytest.mark.parametrize(("file", "changes", "severity", "pattern"), SEEDED, ids=_ids)
def test_a_mistake_in_a_deployment_is_found(
    tmp_path: Path, file: str, changes: dict[str, Any], severity: str, pattern: str
) -> None:
    findings = check_deployment(changed(tmp_path, file, changes))
    found = _matching(findings, severity, pattern)
    assert found, findings
    assert all(finding.why and finding.how for finding in found)


@pytest.mark.parametrize(("file", "changes", "severity", "pattern"), SEEDED_ENDPOINTS, ids=_ids)
def test_a_mistake_in_an_endpoint_is_found(
    tmp_path: Path, file: str, changes: dict[str, Any], severity: str, pattern: str
) -> None:
    findings = check_endpoint(changed(tmp_path, f"endpoints/{file}", changes))
    assert _matching(findings, severity, pattern), findings


@pytest.mark.parametrize(("file", "changes", "severity", "pattern"), SEEDED_CLUSTERS, ids=_ids)
def test_a_mistake_in_a_cluster_is_found(
    tmp_path: Path, file: str, changes: dict[str, Any], severity: str, pattern: str
) -> None:
    findings = check_cluster(changed(tmp_path, f"compute/{file}", changes))
    assert _matching(findings, severity, pattern), findings


@pytest.mark.parametrize(
    ("file", "changes"),
    [
        (CPU, {"instance_count": 50}),
        (CPU, {f"{R}.request_timeout_ms": 180_000}),
        (CPU, {"liveness_probe": GONE, "readiness_probe": GONE}),
        (CPU, {"app_insights_enabled": False, f"{V}.APP_INSIGHTS_LOG_RESPONSE_ENABLED": GONE}),
        (CPU, {"data_collector": GONE, f"{V}.COLLECT_SCORES": "false"}),
        (CPU, {f"{V}.GUNICORN_CMD_ARGS": "--threads=16 --graceful-timeout 20"}),
        (CPU, {f"{V}.OMP_NUM_THREADS": "4"}),
        (CPU, {f"{V}.precision": "fp32"}),
        (CPU, {f"{V}.POLICY_FILE": "nsfw_detector/default_policy.yml"}),
        (CPU, {"environment": "azureml:our-own-image:7"}),
        (CPU, {"model": "azureml://registries/ours/models/nsfw-image-detector/versions/3"}),
        (GPU, {"instance_type": "STANDARD_NC24ADS_A100_V4", f"{V}.PRECISION": "bf16"}),
        (K8S, {"resources": GONE}),
        (BATCH_GPU, {f"settings.{V}.ENGINE": "auto", "settings.mini_batch_size": 14}),
        (K8S, {"environment": "azureml:nsfw-image-detector-gpu@latest", f"{V}.ENGINE": "auto"}),
        (BATCH, {"settings.retry_settings.timeout": 4096}),
        (
            BATCH,
            {
                "settings.mini_batch_size": 1,
                "settings.retry_settings": GONE,
                f"settings.{V}.MAX_VIDEO_FRAMES": "15",
            },
        ),
    ],
    ids=_ids,
)
def test_no_false_alarm(tmp_path: Path, file: str, changes: dict[str, Any]) -> None:
    findings = check_deployment(changed(tmp_path, file, changes))
    assert [f for f in findings if f.severity != "ok"] == []


def test_variables_of_this_machine_do_not_matter(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RESULT_CACHE_SIZE", "nonsense")  # which the file leaves alone
    assert not _matching(check_deployment(changed(tmp_path, CPU, {})), "error", "")


@pytest.mark.parametrize("content", [None, "- a list", "a: [", "\x00"])
def test_a_file_that_cannot_be_read_is_a_finding(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "deployment.yml"
    if content is not None:
        path.write_text(content)
    (finding,) = check_deployment(path)
    assert finding.severity == "error"
    assert "cannot be checked" in finding.what
