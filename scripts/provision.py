"""Make what must exist in the workspace before a deployment: clusters, environments, endpoints.

Makes what is missing and changes nothing that exists; what differs from its file is shown. An
environment gets a new version when what its image is built from has changed. Running it again is
safe. Without files it makes all that the CPU deployments need.

Examples:
  python -m scripts.provision --dry-run
  python -m scripts.provision --endpoint contoso-moderation
  python -m scripts.provision endpoints/online-aad.yml environment/gpu.yml
  python -m scripts.provision compute/batch-gpu.yml environment/batch-gpu.yml
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from scripts.azure.checks.document import Document
from scripts.azure.checks.names import check_names
from scripts.azure.command import run
from scripts.azure.provisioning.environment import ensure_environment
from scripts.azure.provisioning.outcome import Outcome, print_outcomes
from scripts.azure.provisioning.resource import (
    ensure_batch_endpoint,
    ensure_cluster,
    ensure_online_endpoint,
)
from scripts.azure.workspace import add_workspace_arguments, find_workspace, open_workspace
from scripts.command import new_parser
from scripts.errors import OperatorError
from scripts.paths import ROOT

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

DEFAULT_FILES = (
    "compute/batch-cpu.yml",
    "environment/cpu.yml",
    "environment/batch.yml",
    "endpoints/online.yml",
    "endpoints/batch.yml",
)
KINDS = (
    "amlCompute",
    "environment",
    "managedOnlineEndpoint",
    "kubernetesOnlineEndpoint",
    "batchEndpoint",
)


def main() -> int:
    """Make what is missing; returns the exit status."""
    arguments = _parse()
    kinds = {path: _kind(path) for path in arguments.files}
    for path, kind in kinds.items():
        _check_name(path, _new_name(kind, arguments))
    workspace = find_workspace(arguments)
    client = open_workspace(workspace)
    outcomes = []
    try:
        for path, kind in kinds.items():
            outcomes.append(_ensure(client, path, kind, arguments))
    finally:  # what was made before something failed is worth knowing, too
        if outcomes:
            print(f"\nWorkspace {workspace.name}:")
            print_outcomes(outcomes)
    for outcome in outcomes:
        if outcome.kind == "online endpoint" and outcome.state in ("made", "exists"):
            file = "deployments/online-cpu.yml"
            print(f"\nNext: python -m scripts.deploy {file} --endpoint {outcome.name}")
    return int(any(outcome.state == "failed" for outcome in outcomes))


def _parse() -> argparse.Namespace:
    parser = new_parser(__doc__, changes=True)
    parser.add_argument(
        "files",
        nargs="*",
        type=Path,
        metavar="FILE",
        default=[ROOT / name for name in DEFAULT_FILES],
        help=f"YAML of a cluster, environment or endpoint (default: {' '.join(DEFAULT_FILES)})",
    )
    parser.add_argument("--endpoint", metavar="NAME", help="name of the online endpoint")
    parser.add_argument("--batch-endpoint", metavar="NAME", help="name of the batch endpoint")
    add_workspace_arguments(parser)
    return parser.parse_args()


def _kind(path: Path) -> str:
    """What a file describes, by its `$schema`: known before anything is made."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        kind = str(document["$schema"]).rsplit("/", 1)[-1].removesuffix(".schema.json")
    except OSError as error:
        raise OperatorError(
            f"{path} cannot be read: {error.strerror}.",
            "Name a file such as those in endpoints/, environment/ and compute/.",
        ) from None
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise OperatorError(
            f"{path} is no YAML file with a `$schema`: {error}",
            "Begin it as those in endpoints/, environment/ and compute/ do.",
        ) from None
    if kind not in KINDS:
        raise OperatorError(
            f"{path} is of the kind {kind}.", f"This makes {', '.join(KINDS)} only."
        )
    return kind


def _new_name(kind: str, arguments: argparse.Namespace) -> str | None:
    """The name that the command line gives to an endpoint of this kind."""
    if kind == "batchEndpoint":
        return str(arguments.batch_endpoint) if arguments.batch_endpoint else None
    return str(arguments.endpoint) if arguments.endpoint and kind.endswith("Endpoint") else None


def _check_name(path: Path, name: str | None) -> None:
    for finding in check_names(Document.read(path, {"name": name})) if name else ():
        raise OperatorError(finding.what, finding.how)


def _ensure(client: MLClient, path: Path, kind: str, arguments: argparse.Namespace) -> Outcome:
    dry_run: bool = arguments.dry_run
    print(f"{path.parent.name}/{path.name} ...", flush=True)
    if kind == "amlCompute":
        return ensure_cluster(client, path, dry_run=dry_run)
    if kind == "environment":
        return ensure_environment(client, path, dry_run=dry_run)
    name = _new_name(kind, arguments)
    if kind == "batchEndpoint":
        return ensure_batch_endpoint(client, path, name, dry_run=dry_run)
    return ensure_online_endpoint(client, path, name, dry_run=dry_run)


if __name__ == "__main__":
    run(main)
