from __future__ import annotations

import subprocess
import sys

from scripts.paths import ROOT

SCRIPT = """
from azure.core.exceptions import ClientAuthenticationError
from scripts.azure.command import run

def main():
    raise ClientAuthenticationError("tried: AADSTS7000215: Invalid secret. Trace: 1")

run(main)
"""


def test_an_error_of_the_sdk_is_said_in_plain_words() -> None:
    command = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr == (
        "Azure did not accept the sign-in: AADSTS7000215: Invalid secret.\n"
        "Run `az login`, or set AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_CLIENT_SECRET.\n"
    )


def test_what_the_sdk_tells_developers_is_not_said() -> None:
    script = """
from pathlib import Path
from scripts.azure.command import run
from scripts.azure.deployment.file import read_deployment

run(lambda: print(read_deployment(Path("deployments/kubernetes-cpu.yml")).name))
"""
    command = [sys.executable, "-W", "ignore", "-c", script]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("blue\n", "")
