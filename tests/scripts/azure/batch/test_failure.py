"""The likely cause of a failed batch job, from messages as the service writes them."""

from __future__ import annotations

import pytest

from scripts.azure.batch.failure import MOST_LOGS, SAID_OF_JOBS, _most_telling
from scripts.azure.deployment.diagnosis import SAID_BY_AZURE, diagnose


@pytest.mark.parametrize(
    ("said", "log", "name"),
    [
        ("", "SettingsError: THREADS must be a number", "bad setting"),
        ("", "ModuleNotFoundError: No module named 'azureml'", "missing module"),
        ("12 items failed, which is more than the error threshold 0.", "", "error threshold"),
        (
            "No progress update in 900 seconds. No progress update in this check.",
            "",
            "time of a mini-batch",
        ),
        (
            "ScriptExecutionException was caused by StreamAccessException. StreamAccessException "
            "was caused by AuthenticationException.",
            "",
            "input not mounted",
        ),
        ("No succeeded mini batch item returned from run().", "", "nothing succeeded"),
        ("AllocationFailed: not enough capacity in the region", "", "no capacity"),
        ("Something new.", "", "unknown"),
    ],
)
def test_causes(said: str, log: str, name: str) -> None:
    assert diagnose(said, log, (*SAID_OF_JOBS, *SAID_BY_AZURE)).name == name


def test_the_most_telling_logs_come_first() -> None:
    logs = dict.fromkeys(
        [
            "user_logs/std_log_0.txt",
            "logs/job_progress_overview.txt",
            "logs/sys/node/10.0.0.4/processes.txt",
            "logs/user/error/10.0.0.4/process000.txt",
            "logs/job_error.00000.txt",
        ],
        "https://",
    )
    assert [name for name, _ in _most_telling(logs)] == [
        "logs/user/error/10.0.0.4/process000.txt",
        "logs/job_error.00000.txt",
        "user_logs/std_log_0.txt",
    ]
    assert MOST_LOGS == 3
