from __future__ import annotations

import argparse
import subprocess
import sys

import pytest

from scripts.command import number, whole_number
from scripts.paths import ROOT

SCRIPT = """
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
        ("raise KeyboardInterrupt", 130, "Running it again goes on where this stopped."),
    ],
)
def test_ends_in_plain_words(body: str, status: int, said: str) -> None:
    done = subprocess.run(script(body), cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == status
    assert said in done.stderr
    assert "Traceback" not in done.stderr


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


@pytest.mark.parametrize(("text", "value"), [("1", 1), ("64", 64), ("07", 7)])
def test_whole_number(text: str, value: int) -> None:
    assert whole_number(1, 64)(text) == value


@pytest.mark.parametrize("text", ["0", "65", "-1", "abc", "", "1.5", "1_0", " 1", "²"])
def test_no_whole_number(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError) as raised:
        whole_number(1, 64)(text)
    assert str(raised.value) == f"{text} is no whole number from 1 to 64"


@pytest.mark.parametrize(("text", "value"), [("0", 0), ("0.5", 0.5), ("1e2", 100)])
def test_number(text: str, value: float) -> None:
    assert number(0, 100)(text) == value


@pytest.mark.parametrize("text", ["-0.1", "nan", "inf", "abc", ""])
def test_no_number(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError) as raised:
        number(0)(text)
    assert str(raised.value) == f"{text} is no number from 0 on"
