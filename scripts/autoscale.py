"""Have Azure Monitor change the number of instances of a managed online deployment with its load.

One more instance while the machines are busy, one less while they are idle. Never fewer than one:
managed endpoints do not scale to zero. A running setting of the same deployment is changed, not
doubled. The identity needs the role Monitoring Contributor (or Contributor) on the resource group.

Examples:
  python -m scripts.autoscale my-moderation blue --min 2 --max 5
  python -m scripts.autoscale my-moderation blue --min 1 --max 3 --busy 60 --dry-run
  python -m scripts.autoscale my-moderation blue --remove
"""

from __future__ import annotations

import argparse

from azure.core.exceptions import ResourceNotFoundError

from scripts.azure.autoscaling import (
    Scaling,
    deployment_id,
    find_settings,
    make_setting,
    metric_of,
    read_setting,
    remove_setting,
    setting_name,
)
from scripts.azure.command import run
from scripts.azure.workspace import (
    add_workspace_arguments,
    connect_monitor,
    find_workspace,
    open_workspace,
)
from scripts.command import new_parser, whole_number
from scripts.errors import OperatorError


def main() -> None:
    """Set, change, show or remove the rules of a deployment."""
    arguments = parse()
    workspace = find_workspace(arguments)
    client = open_workspace(workspace)
    monitor = connect_monitor(workspace)
    target = deployment_id(workspace, arguments.endpoint, arguments.deployment)
    existing = find_settings(monitor, workspace, target)
    for setting in existing:
        print(f"Now: {setting.name}: {read_setting(setting) or 'rules of another kind'}")

    if arguments.remove:
        for setting in existing:
            if not arguments.dry_run:
                remove_setting(monitor, workspace, str(setting.name))
            print(f"{'Would remove' if arguments.dry_run else 'Removed'} {setting.name}.")
        if not existing:
            print("There is no autoscale setting.")
        return

    try:
        deployment = client.online_deployments.get(arguments.deployment, arguments.endpoint)
        location = client.online_endpoints.get(arguments.endpoint).location
    except ResourceNotFoundError:
        raise OperatorError(
            f"There is no deployment `{arguments.deployment}` of `{arguments.endpoint}`.",
            "Make it first: python -m scripts.deploy",
        ) from None
    instance_type = getattr(deployment, "instance_type", None)
    scaling = Scaling(arguments.min, arguments.max, metric_of(instance_type), arguments.busy)
    if [read_setting(s) for s in existing] == [scaling]:
        print("It is so already.")
        return
    # Azure allows one setting for each resource: one that another tool made keeps its name.
    name = (
        str(existing[0].name)
        if existing
        else setting_name(arguments.endpoint, arguments.deployment)
    )
    print(f"{'Would set' if arguments.dry_run else 'Set'} {name}: {scaling}")
    if not arguments.dry_run:
        monitor.autoscale_settings.create_or_update(
            workspace.resource_group, name, make_setting(scaling, target, location)
        )


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = new_parser(__doc__, changes=True)
    parser.add_argument("endpoint", help="name of the online endpoint")
    parser.add_argument("deployment", help="name of its deployment")
    parser.add_argument(
        "--min", type=whole_number(1, 50), default=1, help="fewest instances (default: 1)"
    )
    parser.add_argument(
        "--max", type=whole_number(1, 50), default=5, help="most instances (default: 5)"
    )
    parser.add_argument(
        "--busy",
        type=whole_number(12, 95),
        default=70,
        metavar="PERCENT",
        help="utilisation of the CPUs (of the GPUs, where there are) that asks for one more "
        "(default: 70)",
    )
    parser.add_argument("--remove", action="store_true", help="remove the rules")
    add_workspace_arguments(parser)
    arguments = parser.parse_args()
    if arguments.min > arguments.max:
        parser.error("--min must not be above --max")
    return arguments


if __name__ == "__main__":
    run(main)
