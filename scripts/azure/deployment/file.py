"""A deployment's YAML file, read with the SDK's own loaders, and what identifies its content."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from scripts.azure import yaml_file
from scripts.azure.assets import find_asset
from scripts.azure.checks.upload import uploaded_files
from scripts.azure.files import content_sha256
from scripts.errors import OperatorError

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

FINGERPRINT_TAG = "fingerprint"


@dataclass(slots=True)
class DeploymentFile:
    """A deployment as its file describes it.

    Attributes:
        path: The file.
        entity: The SDK's object.
        is_batch: Whether it belongs to a batch endpoint.
        replaced: Fields that take the place of the file's own.
    """

    path: Path
    entity: Any
    is_batch: bool
    replaced: dict[str, str]

    @property
    def name(self) -> str:
        """Name of the deployment."""
        return str(self.entity.name)

    @property
    def endpoint(self) -> str:
        """Name of its endpoint."""
        return str(self.entity.endpoint_name)

    @property
    def code(self) -> Path | None:
        """Folder of its code; None where the code is in Azure already, or there is none."""
        configuration = self.entity.code_configuration
        if configuration is None or not configuration.code:
            return None
        folder = (self.path.parent / configuration.code).resolve()
        return folder if folder.is_dir() else None


def read_deployment(
    path: Path, *, endpoint: str | None = None, name: str | None = None, model: str | None = None
) -> DeploymentFile:
    """Read a deployment's YAML file.

    Args:
        path: The file; of an online (managed or Kubernetes) or a batch deployment.
        endpoint: Takes the place of the file's `endpoint_name`.
        name: Takes the place of the file's `name`.
        model: Takes the place of the file's `model`, for instance `azureml:name:3`.

    Raises:
        OperatorError: The file is missing, or the SDK does not accept it.
    """
    from azure.ai.ml import load_online_deployment
    from azure.ai.ml.entities._load_functions import load_model_batch_deployment

    fields = {"endpoint_name": endpoint, "name": name, "model": model}
    replaced = {field: value for field, value in fields.items() if value}
    content = _read(path)
    if content.get("type") == "pipeline":
        raise OperatorError(
            f"{path} is a deployment of a pipeline, which has no scoring script to deploy.",
            f"Make it with the CLI, which uploads its components: "
            f"az ml batch-deployment create --file {path}",
        )
    # Only batch deployments name their compute; online ones leave it to their endpoint.
    is_batch = "compute" in content
    # The public loader of batch deployments does not know `type: model` with `settings`.
    loader: Any = load_model_batch_deployment if is_batch else load_online_deployment
    remedy = f"Look at its fields: python -m scripts.doctor {path}"
    entity = yaml_file.load(loader, path, replaced, remedy)
    return DeploymentFile(path, entity, is_batch, replaced)


def pin_versions(client: MLClient, deployment: DeploymentFile) -> str | None:
    """Replace `@latest` of the model and environment by the version that it means now.

    What is deployed can then be told, compared and made again.

    Returns:
        SHA-256 of the registered model's weights, as `sha256:...`; None if it does not tell.

    Raises:
        OperatorError: The model or environment is not in the workspace.
    """
    entity = deployment.entity
    model: Any = None
    for field, assets in (("model", client.models), ("environment", client.environments)):
        reference = getattr(entity, field)
        if not isinstance(reference, str) or _is_elsewhere(reference):
            continue
        asset = find_asset(assets, reference)
        if asset is None:
            raise OperatorError(
                f"{deployment.path} asks for `azureml:{reference.removeprefix('azureml:')}`, which "
                "the workspace does not have.",
                "Register the model with scripts.register_model; make the environment with "
                "scripts.provision.",
            )
        setattr(entity, field, f"{asset.name}:{asset.version}")
        model = asset if field == "model" else model
    sha256 = {**(model.tags or {}), **(model.properties or {})}.get("sha256") if model else None
    return f"sha256:{sha256}" if sha256 else None


def fingerprint(deployment: DeploymentFile) -> str:
    """What tells this deployment from any other: its fields, and the bytes of its code.

    Kept as a tag of the deployment in Azure, so that a second run sees that nothing has changed.
    """
    fields = deployment.entity._to_dict()
    tags = {k: v for k, v in (fields.get("tags") or {}).items() if k != FINGERPRINT_TAG}
    folder = deployment.code
    if folder is not None:
        fields["code_configuration"] = {
            "scoring_script": deployment.entity.code_configuration.scoring_script,
            "sha256": content_sha256(folder, uploaded_files(folder)),
        }
    text = json.dumps({**fields, "tags": tags}, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _is_elsewhere(reference: str) -> bool:
    """Whether it is in a registry, or a full ARM id."""
    return reference.removeprefix("azureml:").startswith(("//", "/", "http"))


def _read(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise OperatorError(
            f"{path} cannot be read: {error.strerror}.",
            "Name a file such as those in deployments/.",
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise OperatorError(f"{path} is no YAML: {error}", "Mend that line.") from None
    if not isinstance(content, dict):
        raise OperatorError(
            f"{path} holds no fields.", "Name a file such as those in deployments/."
        )
    return content
