"""A deployment that is healthy and answers as it should."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from scripts.azure.deployment.deploying import ensure_deployed
from scripts.azure.deployment.endpoints import get_batch_endpoint, get_online_endpoint
from scripts.azure.deployment.file import DeploymentFile
from scripts.azure.deployment.smoke import smoke_test
from scripts.azure.scoring.client import connect_endpoint
from scripts.image_files import find_images

if TYPE_CHECKING:
    from azure.ai.ml import MLClient


def bring_up(
    client: MLClient, deployment: DeploymentFile, digest: str | None, images: Path
) -> None:
    """Make a deployment and have it score photos; its traffic stays as it is.

    Args:
        client: The workspace.
        deployment: As its file describes it, versions pinned.
        digest: Of the weights that should answer, where known.
        images: Folder with photos to try it with.

    Raises:
        OperatorError: It did not become healthy, or answers wrongly.
    """
    look_up = get_batch_endpoint if deployment.is_batch else get_online_endpoint
    look_up(client, deployment.endpoint)  # says what to do if there is none
    ensure_deployed(client, deployment)
    if not deployment.is_batch:  # a batch deployment answers by a job, which costs a node
        scorer = connect_endpoint(client, deployment.endpoint, deployment.name)
        smoke_test(scorer, find_images(images), digest)
        scorer.close()
