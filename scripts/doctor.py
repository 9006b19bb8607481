"""Check everything about endpoints and deployments that can be checked before deploying.

Offline, by default: the YAML files in endpoints/ and deployments/ (or those given), what they refer
to on this machine, and what would be uploaded. With --online also the workspace: sign-in, quota,
registered model and environment, compute, names, roles, and the state of what is already there.
Every finding says what was found, why it matters and how to mend it. Nothing is changed.

Exit status: 0 if nothing would fail, 1 if something would.

Examples:
    python -m scripts.doctor
    python -m scripts.doctor deployments/online-cpu.yml
    python -m scripts.doctor --online deployments/online-cpu.yml --endpoint my-endpoint
    python -m scripts.doctor --json > findings.json
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path

from scripts.azure.checks import check_deployment, check_endpoint, check_workspace
from scripts.azure.checks.document import UnreadableError, is_deployment
from scripts.azure.command import run
from scripts.azure.findings import Finding, print_findings
from scripts.azure.workspace import add_workspace_arguments, connect, find_workspace
from scripts.command import new_parser
from scripts.paths import ROOT


def main(arguments: list[str] | None = None) -> int:
    """Check, print, and tell whether something would fail.

    Args:
        arguments: Of the command line; default: this process's own.
    """
    parser = new_parser(__doc__, changes=False)
    parser.add_argument(
        "files", nargs="*", type=Path, metavar="FILE", help="default: all in this repository"
    )
    parser.add_argument("--online", action="store_true", help="check the workspace as well")
    parser.add_argument("--endpoint", metavar="NAME", help="takes the place of the files' own")
    parser.add_argument("--deployment", metavar="NAME", help="takes the place of the files' own")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    add_workspace_arguments(parser)
    options = parser.parse_args(arguments)
    files = options.files or repository_files()
    findings = [finding for path in files for finding in check_file(path, replaced(options))]
    if options.online:
        findings += check_online(options, files)
    if options.json:
        print(json.dumps([dataclasses.asdict(f) for f in findings], indent=2, ensure_ascii=False))
    else:
        print_findings(findings)
        print(f"\n{summary(findings)}")
    return int(any(finding.severity == "error" for finding in findings))


def repository_files() -> list[Path]:
    """All endpoints and deployments of this repository, by the shortest path."""
    found = [path for name in ("endpoints", "deployments") for path in (ROOT / name).glob("*.yml")]
    here = Path.cwd()
    return sorted(p.relative_to(here) if p.is_relative_to(here) else p for p in found)


def replaced(options: argparse.Namespace) -> dict[str, str]:
    """Fields of deployments that the command line replaces."""
    fields = {"endpoint_name": options.endpoint, "name": options.deployment}
    return {field: value for field, value in fields.items() if value}


def check_file(path: Path, replaced: dict[str, str]) -> list[Finding]:
    """Check one file offline, as what it is."""
    try:
        return check_deployment(path, replaced) if is_deployment(path) else check_endpoint(path)
    except UnreadableError:
        return check_deployment(path)  # which says so


def check_online(options: argparse.Namespace, files: list[Path]) -> list[Finding]:
    """Check what the deployments among the files need of the workspace."""
    workspace = find_workspace(options)
    client = connect(workspace)
    findings: list[Finding] = []
    for path in files:
        if path.is_file() and is_deployment(path):
            print(f"Asking {workspace.name} about {path} ...", file=sys.stderr)
            findings += check_workspace(client, workspace, path, replaced(options))
    return list(dict.fromkeys(findings))  # what is said of the workspace itself: once


def summary(findings: list[Finding]) -> str:
    """How many there are of each kind."""
    errors, warnings = (
        sum(finding.severity == severity for finding in findings)
        for severity in ("error", "warning")
    )
    if not errors and not warnings:
        return "Nothing to mend."
    return f"To mend: {errors}. Worth a thought: {warnings}."


if __name__ == "__main__":
    run(main)
