"""Whether the workspace has the model, the environment and the compute that a deployment names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from azure.core.exceptions import ResourceNotFoundError

from scripts.azure.assets import find_asset
from scripts.azure.checks import locks
from scripts.azure.checks.context import Context
from scripts.azure.findings import Finding
from scripts.azure.provisioning.environment import DIGEST_TAG, environment_digest
from scripts.azure.waiting import state_of
from scripts.paths import ROOT


def check_assets(context: Context) -> Iterator[Finding]:
    """Look up the registered model and environment."""
    for field, assets in (
        ("model", context.client.models),
        ("environment", context.client.environments),
    ):
        reference = context.document.get(field)
        if not isinstance(reference, str) or "azureml://" in reference:
            continue  # described in the file itself, or in a registry
        asset = find_asset(assets, reference)
        if asset is None:
            yield context.document.error(
                f"{field} {reference} is not in {context.workspace.name}",
                "The deployment would be refused.",
                "python -m scripts.register_model <model>"
                if field == "model"
                else _provision("environment", reference),
            )
            continue
        yield context.document.ok(f"{field} {asset.name}, version {asset.version}")
        if field == "environment":
            yield from _check_lock(context, asset)


def check_compute(context: Context) -> Iterator[Finding]:
    """Look up the cluster of a batch deployment."""
    name = context.document.compute
    if context.document.kind != "batch" or name is None:
        return
    try:
        compute = context.client.compute.get(name)
    except ResourceNotFoundError:
        yield context.document.error(
            f"compute {name} is not in {context.workspace.name}",
            "Jobs would have nowhere to run.",
            _provision("compute", name),
        )
        return
    state = state_of(compute)
    if state != "Succeeded":
        yield context.document.error(
            f"compute {name} is in the state {state}",
            "Jobs would wait, or fail.",
            f"Look at its errors: az ml compute show --name {name}.",
        )
    if (getattr(compute, "min_instances", 0) or 0) > 0:
        yield context.document.warning(
            f"compute {name} never has fewer than {compute.min_instances} nodes",
            "They cost money while nothing runs.",
            f"az ml compute update --name {name} --min-instances 0.",
        )


def _provision(folder: str, reference: str) -> str:
    """The command that makes something, from this repository's file for it if there is one."""
    name = reference.removeprefix("azureml:").partition("@")[0].partition(":")[0]
    files = sorted((ROOT / folder).glob("*.yml"))
    file = next((f for f in files if f"\nname: {name}\n" in f.read_text(encoding="utf-8")), None)
    return f"python -m scripts.provision {f'{folder}/{file.name}' if file else '<file>'}"


def _check_lock(context: Context, environment: Any) -> Iterator[Finding]:
    """Compare what the image was built from with what is here."""
    built_from = (environment.tags or {}).get(DIGEST_TAG)
    short = str(environment.name).removeprefix("nsfw-image-detector-")
    path = locks.ENVIRONMENT / f"{short}.yml"
    if built_from is not None and path.is_file() and built_from != environment_digest(path):
        yield context.document.warning(
            f"environment {environment.name}:{environment.version} was built from other locks or "
            f"another Dockerfile than {path.name} names here",
            "What was tested here is not what runs there.",
            "python -m scripts.provision makes a new version; or take the environment/ of the "
            "commit that is deployed.",
        )
