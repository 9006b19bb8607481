"""From a YAML file to a healthy deployment: check, create or update, wait, try, give traffic.

The endpoint must exist (scripts.provision makes it). The first deployment of an endpoint gets all
of its traffic; a further one gets none unless --traffic says so (scripts.rollout moves traffic with
care). Running the same command again goes on where an earlier run stopped.

Examples:
  python -m scripts.deploy deployments/online-cpu.yml --endpoint my-moderation
  python -m scripts.deploy deployments/online-cpu.yml --deployment green --model azureml:nsfw:4
  python -m scripts.deploy deployments/online-cpu.yml --deployment green --traffic 10
  python -m scripts.deploy deployments/batch-cpu.yml
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.azure.command import run
from scripts.azure.deployment import batch_default, preflight
from scripts.azure.deployment.bring_up import bring_up
from scripts.azure.deployment.deploying import get_deployment, is_current
from scripts.azure.deployment.endpoints import get_online_endpoint
from scripts.azure.deployment.file import (
    DeploymentFile,
    fingerprint,
    pin_versions,
    read_deployment,
)
from scripts.azure.deployment.traffic import Traffic, as_text, live, set_traffic, shift
from scripts.azure.waiting import state_of
from scripts.azure.workspace import add_workspace_arguments, find_workspace, open_workspace
from scripts.command import new_parser
from scripts.paths import SAMPLES

if TYPE_CHECKING:
    from azure.ai.ml import MLClient


def main() -> None:
    """Deploy what the arguments name."""
    arguments = parse()
    deployment = read_deployment(
        arguments.file,
        endpoint=arguments.endpoint,
        name=arguments.deployment,
        model=arguments.model,
    )
    workspace = find_workspace(arguments)
    client = open_workspace(workspace)
    if not arguments.skip_checks:
        preflight.check(client, workspace, deployment)
    digest = pin_versions(client, deployment)
    print(
        f"{deployment.name} of {deployment.endpoint}: model {deployment.entity.model}, "
        f"environment {deployment.entity.environment}"
    )
    if arguments.dry_run:
        say_what_would_be_done(client, deployment, arguments.traffic)
        return
    bring_up(client, deployment, digest, arguments.images)
    if deployment.is_batch:
        batch_default.set_default(client, deployment, replace=arguments.traffic == 100)
    else:
        give_traffic(client, deployment, arguments.traffic)


def give_traffic(client: MLClient, deployment: DeploymentFile, percent: int | None) -> None:
    """Set the traffic as asked; without being asked, only that of an endpoint's first deployment.

    Args:
        client: The workspace.
        deployment: The deployment, which is healthy.
        percent: Its share; None if nothing was asked.
    """
    before = live(get_online_endpoint(client, deployment.endpoint))
    after = plan_traffic(before, deployment.name, percent)
    set_traffic(client, deployment.endpoint, after)
    if after != before:
        print(f"Traffic: {as_text(before)} -> {as_text(after)}")
    else:
        print(f"Traffic stays: {as_text(before)}")
    if deployment.name in after:
        print(f"To score photos: python -m scripts.invoke samples --endpoint {deployment.endpoint}")
    else:
        print(f"To move it: python -m scripts.rollout {deployment.endpoint} --to {deployment.name}")


def plan_traffic(before: Traffic, name: str, percent: int | None) -> Traffic:
    """Decide the traffic after a deployment. Nothing is taken from others unless asked."""
    if percent is None:
        return before or {name: 100}
    return shift(before, name, percent)


def say_what_would_be_done(
    client: MLClient, deployment: DeploymentFile, percent: int | None
) -> None:
    """Print what a run would change."""
    existing = get_deployment(client, deployment)
    if is_current(existing, fingerprint(deployment)):
        print("Would leave the deployment as it is: nothing has changed.")
    elif existing is None:
        print("Would create the deployment.")
    else:
        print(f"Would update the deployment, which is {state_of(existing)}.")
    if deployment.is_batch:
        return
    before = live(get_online_endpoint(client, deployment.endpoint))
    after = plan_traffic(before, deployment.name, percent)
    print("Would score sample photos.")
    if after != before:
        print(f"Would set the traffic: {as_text(before)} -> {as_text(after)}")
    else:
        print(f"Would leave the traffic: {as_text(before)}")


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = new_parser(__doc__, changes=True)
    parser.add_argument(
        "file", type=Path, help="YAML of a deployment, such as those in deployments/"
    )
    parser.add_argument("--endpoint", metavar="NAME", help="in place of the file's endpoint_name")
    parser.add_argument("--deployment", metavar="NAME", help="in place of the file's name")
    parser.add_argument(
        "--model",
        metavar="azureml:NAME:VERSION",
        type=model_reference,
        help="in place of the file's model",
    )
    parser.add_argument(
        "--traffic",
        metavar="PERCENT|all",
        type=percentage,
        help="share of the requests; the others keep theirs in proportion. For a batch endpoint, "
        "`all` makes it the default",
    )
    parser.add_argument(
        "--images",
        type=Path,
        default=SAMPLES,
        metavar="FOLDER",
        help="to try it with (default: samples/)",
    )
    parser.add_argument("--skip-checks", action="store_true", help="deploy whatever the checks say")
    add_workspace_arguments(parser)
    return parser.parse_args()


def model_reference(text: str) -> str:
    """Read a registered model, of the workspace or of a registry."""
    if not re.fullmatch(r"azureml:(//?.+|[^:@/]+[:@][^:@/]+)", text):
        raise argparse.ArgumentTypeError(f"{text} is not azureml:NAME:VERSION")
    return text


def percentage(text: str) -> int:
    """Read `all` or a whole number from 0 to 100."""
    try:
        value = 100 if text == "all" else int(text.removesuffix("%"))
    except ValueError:
        value = -1
    if not 0 <= value <= 100:
        raise argparse.ArgumentTypeError(f"{text} is neither `all` nor a number from 0 to 100")
    return value


if __name__ == "__main__":
    run(main)
