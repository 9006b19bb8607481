"""The same life of a deployment with every script killed at each of its changes, and run again.

Each change reaches Azure, and its answer nobody: the script that asked is dead by then. What it
leaves must be what an undisturbed run leaves, and nothing may be there twice.
"""

from __future__ import annotations

import signal
import subprocess
from collections import Counter
from functools import partial

import pytest

from scripts.paths import DEMO
from tests.cloud import names
from tests.cloud.cloud import Cloud
from tests.cloud.log import Sent
from tests.scripts.azure_workspace import PATIENT, run_script, start_script
from tests.test_story import ENDPOINT, FILE, MODEL, deployments, traffic

WRITES = ("PUT", "PATCH", "DELETE")
MOST_RUNS = 12
AUTOSCALE = "Microsoft.Insights/autoscalesettings"


@pytest.mark.timeout(1200)  # some forty scripts
def test_killed_at_every_change(cloud: Cloud) -> None:
    assert insist(cloud, "register_model", str(DEMO)) >= 1
    assert list_types(cloud)["models/versions"] == 1

    needs = ["compute/batch-cpu.yml", "environment/cpu.yml", "endpoints/online.yml"]
    assert insist(cloud, "provision", *needs, "--endpoint", ENDPOINT) == len(needs)
    made = list_types(cloud)
    assert made["computes"] == made["environments/versions"] == made["onlineEndpoints"] == 1

    # The code, the deployment and the traffic, at least.
    assert insist(cloud, "deploy", FILE, "--endpoint", ENDPOINT) >= 3
    green = ["--endpoint", ENDPOINT, "--deployment", "green"]
    done = run_script(cloud, "scripts.deploy", FILE, *green)
    assert done.returncode == 0, done.stdout + done.stderr
    assert deployments(cloud) == dict.fromkeys(("blue", "green"), f"{MODEL}/versions/1")
    assert traffic(cloud) == {"blue": 100}
    made = list_types(cloud)
    assert made["onlineEndpoints/deployments"] == len(cloud.state.containers) == 2
    assert made["codes/versions"] == 1

    assert insist(cloud, "autoscale", ENDPOINT, "blue", "--max", "3") == 1
    assert list_types(cloud)[AUTOSCALE] == 1

    quick = ["--minutes-per-step", "0", *PATIENT]
    assert insist(cloud, "rollout", ENDPOINT, "--to", "green", *quick) == 4  # three steps, the end
    assert traffic(cloud) == {"green": 100}
    assert insist(cloud, "rollout", ENDPOINT, "--back") == 1
    assert traffic(cloud) == {"blue": 100}

    assert insist(cloud, "delete", ENDPOINT, "--yes") >= 5
    left = list_types(cloud)
    assert cloud.state.containers == {}
    assert left["onlineEndpoints"] == left["onlineEndpoints/deployments"] == 0
    assert left[AUTOSCALE] == 0
    assert left["models/versions"] == left["computes"] == 1  # other endpoints may use them


def insist(cloud: Cloud, script: str, *arguments: str) -> int:
    """Run a script until it ends by itself; it dies once at each of its changes.

    Returns:
        How many runs were killed.
    """
    died_at: set[str] = set()
    for killed in range(MOST_RUNS):
        with start_script(cloud, f"scripts.{script}", *arguments) as process:
            cloud.state.log.listener = partial(kill_at_change, process, died_at)
            said, error = process.communicate(timeout=250)
            cloud.state.log.listener = None
        assert "Traceback" not in error
        if len(died_at) == killed:
            assert process.returncode == 0, said + error
            return killed
        assert process.returncode == -signal.SIGKILL
    raise AssertionError(f"{script} never gets to its end: {died_at}")


def kill_at_change(process: subprocess.Popen[str], died_at: set[str], sent: Sent) -> None:
    """Kill a script that sends a change at which it has not died yet."""
    change = f"{sent.method} {sent.path} {sent.body}"
    is_change = sent.host == names.MANAGEMENT and sent.method in WRITES
    if is_change and change not in died_at and process.poll() is None:
        died_at.add(change)
        process.kill()
        process.wait()


def list_types(cloud: Cloud) -> Counter[str]:
    """How many resources there are of each type, by the type's name below the workspace."""
    types = cloud.state.store.types()
    return Counter({name.rpartition("workspaces/")[2]: types[name] for name in types})
