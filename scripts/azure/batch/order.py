"""The order for a batch job: which deployment runs it, on how much, and where its results go."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import ResourceNotFoundError

from scripts.azure.batch.source import Source
from scripts.azure.datastore import open_datastore, split_address
from scripts.azure.deployment.endpoints import get_batch_endpoint
from scripts.errors import OperatorError

if TYPE_CHECKING:
    from azure.ai.ml import MLClient


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked of Azure.

    Attributes:
        endpoint: Its name.
        deployment: Name of the one that runs the job.
        source: The files.
        output: Address in a datastore for the results; None: Azure chooses one.
        overrides: What takes the place of the deployment's settings, as the SDK takes it.
    """

    endpoint: str
    deployment: str
    source: Source
    output: str | None
    overrides: tuple[dict[str, Any], ...]

    def submit(self, client: MLClient) -> str:
        """Upload what has to be uploaded, begin the job and give back its name."""
        from azure.ai.ml import Input

        job = client.batch_endpoints.invoke(
            self.endpoint,
            deployment_name=self.deployment,
            input=Input(type=self.source.type, path=self.source.path),
            params_override=list(self.overrides),
        )
        return str(job.name)


def place_order(
    client: MLClient,
    source: Source,
    endpoint: str,
    *,
    deployment: str | None = None,
    output: str | None = None,
    instances: int | None = None,
    mini_batch_size: int | None = None,
) -> Order:
    """Check everything that would fail only after nodes have started.

    Args:
        client: The workspace.
        source: The files.
        endpoint: Name of a batch endpoint.
        deployment: Name; default: the endpoint's default deployment.
        output: Address in a datastore, where nothing is yet.
        instances: Nodes, in place of the deployment's number.
        mini_batch_size: Files of each call, in place of the deployment's number.

    Raises:
        OperatorError: The job would fail.
    """
    found = _find_deployment(client, endpoint, deployment)
    overrides: list[dict[str, Any]] = []
    if output:
        overrides += _output(client, output)
    if instances:
        _check_instances(client, found, instances)
        overrides.append({"compute.instance_count": instances})
    if mini_batch_size:
        overrides.append({"mini_batch_size": mini_batch_size})
        overrides += _retries(found, mini_batch_size)
    return Order(endpoint, str(found.name), source, output, tuple(overrides))


def _find_deployment(client: MLClient, endpoint: str, name: str | None) -> Any:
    defaults = get_batch_endpoint(client, endpoint).defaults
    name = name or (defaults.deployment_name if defaults is not None else None)
    if not name:
        raise OperatorError(
            f"The batch endpoint `{endpoint}` has no default deployment.",
            "Name one with --deployment, or make one: "
            "python -m scripts.deploy deployments/batch-cpu.yml",
        )
    try:
        found: Any = client.batch_deployments.get(name, endpoint)
    except ResourceNotFoundError:
        names = sorted(str(each.name) for each in client.batch_deployments.list(endpoint))
        raise OperatorError(
            f"The batch endpoint `{endpoint}` has no deployment `{name}`.",
            f"It has: {', '.join(names) or 'none; make one with scripts.deploy'}.",
        ) from None
    if (found.properties or {}).get("deployment_configuration_type"):
        raise OperatorError(
            f"The deployment `{name}` runs a pipeline, not a scoring script.",
            f"Invoke it with its own inputs: az ml batch-endpoint invoke -n {endpoint} -d {name} "
            "--file <inputs>.yml",
        )
    return found


def _output(client: MLClient, output: str) -> list[dict[str, Any]]:
    blobs = open_datastore(client, output)
    datastore, path = split_address(output) or ("", "")
    if not path:
        raise OperatorError(
            f"{output} is a whole datastore.", f"Give a folder in it: {output.rstrip('/')}/<folder>"
        )
    if next(blobs.list(), None) is not None:
        raise OperatorError(
            f"There is something at {output} already.",
            "Give each job a place of its own: rows of two jobs would be mixed.",
        )
    return [
        {"output_dataset.datastore_id": f"azureml:{client.datastores.get(datastore).id}"},
        {"output_dataset.path": f"/{path}/"},
    ]


def _check_instances(client: MLClient, deployment: Any, instances: int) -> None:
    name = str(deployment.compute).rpartition("/")[2]
    try:
        most = getattr(client.compute.get(name), "max_instances", None)
    except ResourceNotFoundError:
        raise OperatorError(
            f"The cluster `{name}` of the deployment `{deployment.name}` does not exist any more.",
            "Make it again: python -m scripts.provision compute/batch-cpu.yml",
        ) from None
    if most is not None and instances > most:
        raise OperatorError(
            f"The cluster `{name}` has at most {most} nodes; the job would wait for {instances}.",
            f"Ask for fewer, or: az ml compute update -n {name} --max-instances {instances}",
        )


def _retries(deployment: Any, mini_batch_size: int) -> list[dict[str, Any]]:
    """A larger mini-batch gets more time, in proportion."""
    retries, size = deployment.retry_settings, deployment.mini_batch_size
    if retries is None or mini_batch_size <= size:
        return []
    timeout = math.ceil(retries.timeout * mini_batch_size / size)
    return [
        {"retry_settings.timeout": timeout},
        {"retry_settings.max_retries": retries.max_retries},
    ]
