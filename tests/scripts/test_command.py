from __future__ import annotations

import subprocess
import sys

import pytest

from scripts.paths import ROOT

SCRIPT = """
import os, signal, time
from scripts.command import run
from scripts.errors import OperatorError

def main():
    {body}

run(main)
"""


def script(body: str) -> list[str]:
    return [sys.executable, "-c", SCRIPT.format(body=body)]


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ("return 3", 3, ""),
        ("raise OperatorError('It is broken.', 'Mend it.')", 1, "It is broken.\nMend it.\n"),
        ("open('/no/such/folder/x')", 1, "/no/such/folder/x: No such file or directory.\n"),
        ("raise KeyboardInterrupt", 130, "Running it again goes on where this stopped."),
        ("os.kill(os.getpid(), signal.SIGTERM); time.sleep(9)", 143, "Running it again goes on"),
        ("os.kill(os.getpid(), signal.SIGHUP); time.sleep(9)", 129, "Running it again goes on"),
    ],
)
def test_ends_in_plain_words(body: str, status: int, said: str) -> None:
    done = subprocess.run(script(body), cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == status
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_what_is_ignored_stays_ignored() -> None:
    body = "os.kill(os.getpid(), signal.SIGHUP); return 3"
    line = ["nohup", *script(body)]
    assert subprocess.run(line, cwd=ROOT, capture_output=True, timeout=60).returncode == 3


def test_reader_that_has_enough() -> None:
    process = subprocess.Popen(
        script("print('line\\n' * 100_000)"),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=60) == 1
    assert process.stderr.read() == b""
    process.stderr.close()
