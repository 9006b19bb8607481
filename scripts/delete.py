"""List what an endpoint consists of and what it costs to leave, and delete it once confirmed.

Removes autoscale rules, traffic, deployments and the endpoint, in this order; what is gone already
is passed over. Without a deployment's name, the whole endpoint goes.

Examples:
  python -m scripts.delete my-moderation --dry-run --hourly-price 0.20
  python -m scripts.delete my-moderation blue
  python -m scripts.delete my-moderation --yes
  python -m scripts.delete nsfw-image-detector-batch --batch --compute nsfw-batch-cpu
  python -m scripts.delete --model nsfw-image-detector:3 --environment nsfw-image-detector-cpu:2
"""

from __future__ import annotations

import argparse
import sys

from scripts.azure.command import run
from scripts.azure.inventory import Inventory, Item, cost
from scripts.azure.workspace import (
    Workspace,
    add_workspace_arguments,
    connect_monitor,
    find_workspace,
    open_workspace,
)
from scripts.command import new_parser, number
from scripts.errors import OperatorError


def main() -> None:
    """List, ask, delete."""
    arguments = parse()
    workspace = find_workspace(arguments)
    items = find_items(arguments, workspace)
    if not items:
        print(f"Nothing of it is in workspace {workspace.name} (any more).")
        if arguments.endpoint and not arguments.batch:
            print("If it is a batch endpoint, add --batch.")
        return
    print("To be removed, in this order:")
    for item in items:
        print(f"  {item.what}")
    print(cost(items, arguments.hourly_price))
    if arguments.dry_run:
        return
    if not arguments.yes:
        confirm(arguments.endpoint or "yes")
    for item in items:
        print(f"Removing {item.what}", flush=True)
        item.remove()
    print("Done.")


def find_items(arguments: argparse.Namespace, workspace: Workspace) -> list[Item]:
    """Find all that the arguments name and that is there, in the order of removal."""
    client = open_workspace(workspace)
    inventory = Inventory(client, connect_monitor(workspace), workspace)
    items: list[Item] = []
    if arguments.endpoint:
        find = inventory.batch if arguments.batch else inventory.online
        items += find(arguments.endpoint, arguments.deployments)
    for name in arguments.compute:
        items += inventory.compute(name)
    for reference in arguments.model:
        items += inventory.archive("model", client.models, reference)
    for reference in arguments.environment:
        items += inventory.archive("environment", client.environments, reference)
    return items


def confirm(word: str) -> None:
    """Have the person type a word.

    Raises:
        OperatorError: Another word, or nobody is there to type.
    """
    if not sys.stdin.isatty():
        raise OperatorError("Nothing was removed: nobody can confirm.", "Add --yes.")
    if input(f"Type `{word}` to remove it: ").strip() != word:
        raise OperatorError("Nothing was removed.", "The typed word was another.")


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = new_parser(__doc__, changes=True)
    parser.add_argument("endpoint", nargs="?", help="name of the endpoint")
    parser.add_argument("deployments", nargs="*", help="only these deployments of it")
    parser.add_argument("--batch", action="store_true", help="it is a batch endpoint")
    parser.add_argument(
        "--compute", metavar="NAME", action="append", default=[], help="a cluster, too"
    )
    for kind in ("model", "environment"):
        parser.add_argument(
            f"--{kind}",
            metavar="NAME:VERSION",
            action="append",
            default=[],
            help="archive it, too: Azure ML hides versions, it does not erase them",
        )
    parser.add_argument(
        "--hourly-price", type=number(0), metavar="PRICE", help="of one machine, to give the sum"
    )
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")
    add_workspace_arguments(parser)
    arguments = parser.parse_args()
    if not (arguments.endpoint or arguments.compute or arguments.model or arguments.environment):
        parser.error("name an endpoint, or something else to remove")
    return arguments


if __name__ == "__main__":
    run(main)
