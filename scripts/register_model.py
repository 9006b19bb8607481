"""Register a checkpoint as a model in an Azure ML workspace or registry.

Verifies the checkpoint exactly as score.py will, by scoring with it, and uploads config.json, the
weights, the engine in optimised/ if scripts/optimise.py made one for these weights, and a model
card. The same content is registered once, however often this is run.

Examples:
  python -m scripts.register_model Freepik/nsfw_image_detector --dry-run
  python -m scripts.register_model Freepik/nsfw_image_detector --metric recall_medium=0.97
  python -m scripts.register_model models/demo --name nsfw-demo
  python -m scripts.register_model Freepik/nsfw_image_detector --registry our-registry
  python -m scripts.register_model Freepik/nsfw_image_detector --format mlflow --flavour spark
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from nsfw_detector import Detector
from nsfw_detector.checkpoint import Checkpoint
from nsfw_detector.settings import Settings
from scripts.azure.command import run
from scripts.azure.models import card as model_card
from scripts.azure.models import facts as model_facts
from scripts.azure.models import folder as model_folder
from scripts.azure.models import mlflow_folder
from scripts.azure.models.facts import ModelFacts
from scripts.azure.models.registry import (
    IDENTITY,
    Registration,
    find_same,
    register,
    size_of,
    versions,
)
from scripts.azure.workspace import (
    add_workspace_arguments,
    connect_registry,
    find_workspace,
    open_workspace,
)
from scripts.command import new_parser
from scripts.errors import OperatorError
from scripts.fetch_model import resolve_model

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

NAME = "nsfw-image-detector"
NAMES = {
    "custom": NAME,
    # Names of their own, because `@latest` must not change from one kind to the other.
    "online": f"{NAME}-mlflow",
    "batch": f"{NAME}-mlflow-batch",
    "spark": f"{NAME}-mlflow-spark",
}
SAID = {
    "registered": "Registered",
    "restored": "Registered before and archived; restored, nothing uploaded",
    "found": "Already registered, nothing uploaded",
}


def main() -> None:
    """Verify, stage and register."""
    arguments = _parse()
    metrics = dict(arguments.metric)
    flavour = arguments.flavour if arguments.format == "mlflow" else "custom"
    name = arguments.name or NAMES[flavour]
    workspace = find_workspace(arguments)
    place = (
        f"registry {arguments.registry}" if arguments.registry else f"workspace {workspace.name}"
    )

    with tempfile.TemporaryDirectory(prefix="register-") as temporary:
        folder = Path(temporary, "upload", name)
        facts = _prepare(arguments.model, Path(temporary), folder, flavour)
        (folder / model_card.CARD).write_text(model_card.render(name, facts, metrics))
        registration = _registration(name, folder, facts, metrics, flavour)
        client = (
            connect_registry(arguments.registry, workspace)
            if arguments.registry
            else open_workspace(workspace)
        )
        print(f"Looking for it in {place} ...", flush=True)
        _refuse_demo_among_others(client, registration, chosen=arguments.name is not None)
        if arguments.dry_run:
            _say_what_would_be_done(client, registration, place)
            return
        version, done = register(client, registration)
    print(f"{SAID[done]}: azureml:{name}:{version} in {place}.")


def _parse() -> argparse.Namespace:
    parser = new_parser(__doc__, changes=True)
    parser.add_argument("model", help="folder, or Hugging Face id, such as models/demo")
    parser.add_argument("--name", help=f"name to register it under (default: {NAME}...)")
    parser.add_argument("--registry", metavar="NAME", help="register there, not in the workspace")
    parser.add_argument(
        "--metric",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        type=_metric,
        help="something you measured; may be given several times",
    )
    parser.add_argument(
        "--format",
        choices=("custom", "mlflow"),
        default="custom",
        help="mlflow: for deployment without score.py (default: %(default)s)",
    )
    parser.add_argument(
        "--flavour",
        choices=("online", "batch", "spark"),
        default="online",
        help="with --format mlflow: online takes base64 text, batch arrays, spark bytes or paths "
        "(default: %(default)s)",
    )
    add_workspace_arguments(parser)
    return parser.parse_args()


def _metric(text: str) -> tuple[str, float]:
    name, separator, value = text.partition("=")
    if not name or not separator:
        raise argparse.ArgumentTypeError(f"{text} is not NAME=VALUE")
    try:
        return name, float(value)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{value} is no number") from None


def _prepare(model: str, temporary: Path, folder: Path, flavour: str) -> ModelFacts:
    """Verify the checkpoint and make the folder to upload."""
    print(f"Verifying {model} ...", flush=True)
    checkpoint = Checkpoint.load(resolve_model(model))
    manifest = model_folder.optimised_manifest(checkpoint)
    facts = model_facts.gather(checkpoint, model, manifest.engine if manifest else None)
    staged = folder if flavour == "custom" else temporary / "checkpoint"
    model_folder.stage(checkpoint, staged, optimised=manifest is not None)

    # What Azure mounts is the folder above, and the checkpoint one level down.
    detector = Detector.load(staged.parent, Settings.from_environment())
    detector.close()
    print(f"Scores with {detector.info.engine}; weights {detector.info.digest}.", flush=True)
    if manifest and manifest.engine not in detector.info.engine:
        print(
            f"The optimised engine ({manifest.engine}) is for another CPU or OpenVINO; it goes "
            "along and was not tried here."
        )
    if facts.demo:
        print(model_card.DEMO_WARNING)
    if flavour != "custom":
        print(f"Saving it as an MLflow model for {flavour} use, and trying that ...", flush=True)
        mlflow_folder.save(staged, facts, flavour, folder)  # type: ignore[arg-type]
        mlflow_folder.verify(folder)
    return facts


def _registration(
    name: str, folder: Path, facts: ModelFacts, metrics: dict[str, float], flavour: str
) -> Registration:
    identity = {IDENTITY: model_folder.content_sha256(folder)}
    return Registration(
        name=name,
        kind="custom_model" if flavour == "custom" else "mlflow_model",
        folder=folder,
        description=model_card.summary(facts),
        properties=facts.properties() | identity,
        tags=facts.properties() | {f"metric.{key}": f"{value:g}" for key, value in metrics.items()},
    )


def _refuse_demo_among_others(
    client: MLClient, registration: Registration, *, chosen: bool
) -> None:
    """Keep the demo from becoming the latest version of a model that moderates."""
    if registration.tags["demo"] != "true" or chosen:
        return
    if any(model.tags.get("demo") != "true" for model in versions(client, registration.name)):
        raise OperatorError(
            f"{registration.name} has versions that moderate. The demo checkpoint would become "
            "the latest one, and deployments that take the latest would serve it.",
            "Give the demo a name of its own: --name nsfw-demo.",
        )


def _say_what_would_be_done(client: MLClient, registration: Registration, place: str) -> None:
    registered = versions(client, registration.name)
    same = find_same(registered, registration.properties[IDENTITY])
    if same is not None:
        print(f"It is already registered: azureml:{registration.name}:{same.version} in {place}.")
        return
    hidden = versions(client, registration.name, archived=True)
    same = find_same(hidden, registration.properties[IDENTITY])
    if same is not None:
        print(f"Would restore azureml:{registration.name}:{same.version}, archived in {place}.")
        return
    size = size_of(registration.folder) / 1e6
    print(f"Would upload {size:.1f} MB as a new version of {registration.name} in {place}.")
    for name, value in registration.properties.items():
        print(f"  {name}: {value}")


if __name__ == "__main__":
    run(main)
