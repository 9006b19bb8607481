"""Move an endpoint's traffic to another deployment, step by step, and back if it does worse.

Scores sample photos with the new deployment, compares it with the old one on the same images, then
raises its share in steps. Each step is watched: own probes to both deployments, and what Azure
Monitor sees of the real requests (a few minutes later: give steps ten minutes). More failures or
slower answers than the limits, Ctrl-C, or any error return the traffic to what it was. After a run
that was killed, the same command goes on.

Examples:
  python -m scripts.rollout my-moderation --to green
  python -m scripts.rollout my-moderation --to green --deploy deployments/online-cpu.yml
  python -m scripts.rollout my-moderation --to green --images held-out/ --report agreement.md
  python -m scripts.rollout my-moderation --to green --mirror 20 --steps 5,25,100
  python -m scripts.rollout my-moderation --back
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.azure.command import run
from scripts.azure.deployment import preflight
from scripts.azure.deployment.bring_up import bring_up
from scripts.azure.deployment.endpoints import get_online_endpoint
from scripts.azure.deployment.file import pin_versions, read_deployment
from scripts.azure.deployment.smoke import smoke_test
from scripts.azure.deployment.traffic import as_text, live
from scripts.azure.rollout.agreement import compare, render, write_report
from scripts.azure.rollout.metrics import RequestMetrics
from scripts.azure.rollout.rolling import Rollout, begin, find_way_back, is_done, roll, take_back
from scripts.azure.rollout.watch import Limits, Watch
from scripts.azure.scoring.client import connect_endpoint
from scripts.azure.waiting import state_of
from scripts.azure.workspace import (
    Workspace,
    add_workspace_arguments,
    connect_monitor,
    find_workspace,
    open_workspace,
)
from scripts.command import new_parser, number, whole_number
from scripts.errors import OperatorError
from scripts.image_files import find_images
from scripts.paths import SAMPLES

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

PROBE_TIMEOUT = 20.0
MOST_SHOWN = 20


def main() -> None:
    """Roll out, or back."""
    arguments = parse()
    workspace = find_workspace(arguments)
    client = open_workspace(workspace)
    if arguments.back:
        go_back(client, arguments)
        return
    endpoint = get_online_endpoint(client, arguments.endpoint)
    if arguments.mirror and getattr(endpoint, "compute", None):
        raise OperatorError(
            f"{arguments.endpoint} runs on Kubernetes, and only managed endpoints mirror requests.",
            "Leave out --mirror: the own probes watch the first step.",
        )
    if is_done(endpoint, arguments.to):
        print(f"{arguments.to} has all traffic already.")
        return
    rollout = begin(endpoint, arguments.to)
    if arguments.dry_run:
        say_what_would_be_done(client, arguments, rollout)
        return
    prepare(client, workspace, arguments)
    check_agreement(client, arguments, rollout)
    move(client, workspace, arguments, rollout)
    if arguments.steps[-1] == 100:
        print(f"If all is well: python -m scripts.delete {arguments.endpoint} {rollout.old}")
    else:
        print(f"To go on: python -m scripts.rollout {arguments.endpoint} --to {rollout.to}")
    print(f"If not: python -m scripts.rollout {arguments.endpoint} --back")


def prepare(client: MLClient, workspace: Workspace, arguments: argparse.Namespace) -> None:
    """See that the new deployment is there and works; make it if a file is given."""
    if arguments.deploy:
        file = read_deployment(arguments.deploy, endpoint=arguments.endpoint, name=arguments.to)
        if not arguments.skip_checks:
            preflight.check(client, workspace, file)
        bring_up(client, file, pin_versions(client, file), SAMPLES)
        return
    states = deployment_states(client, arguments.endpoint)
    if states.get(arguments.to) != "Succeeded":
        raise OperatorError(
            f"`{arguments.to}` is {states.get(arguments.to, 'not there')}.",
            "Make it first: --deploy FILE, or python -m scripts.deploy FILE --deployment "
            f"{arguments.to}",
        )
    scorer = connect_endpoint(client, arguments.endpoint, arguments.to)
    smoke_test(scorer, find_images(SAMPLES), None)
    scorer.close()


def check_agreement(client: MLClient, arguments: argparse.Namespace, rollout: Rollout) -> None:
    """Compare old and new on the same images.

    Raises:
        OperatorError: Too many decisions differ.
    """
    images = find_images(arguments.images)
    print(f"Comparing {rollout.old} and {rollout.to} on {len(images)} images ...", flush=True)
    scorers = [
        (name, connect_endpoint(client, arguments.endpoint, name))
        for name in (rollout.old, rollout.to)
    ]
    agreement = compare(scorers[0], scorers[1], images)
    print(render(agreement, MOST_SHOWN))
    if arguments.report:
        write_report(agreement, arguments.report)
        print(f"Written to {arguments.report}")
    if agreement.decisions < arguments.min_agreement:
        raise OperatorError(
            f"Only {agreement.decisions:.1f} % of the decisions agree; --min-agreement is "
            f"{arguments.min_agreement:g} %. No traffic was moved.",
            "If the change is what you want, lower --min-agreement.",
        )


def move(
    client: MLClient, workspace: Workspace, arguments: argparse.Namespace, rollout: Rollout
) -> None:
    """Move the traffic and watch."""
    endpoint = arguments.endpoint
    metrics = RequestMetrics(
        connect_monitor(workspace), f"{workspace.arm_id}/onlineEndpoints/{endpoint}"
    )
    watch = Watch(
        (rollout.old, connect_endpoint(client, endpoint, rollout.old, PROBE_TIMEOUT)),
        (rollout.to, connect_endpoint(client, endpoint, rollout.to, PROBE_TIMEOUT)),
        [photo.read_bytes() for photo in find_images(SAMPLES)],
        Limits(arguments.max_errors, arguments.max_slowdown, arguments.max_p95_ms),
        metrics.read,
    )
    seconds = arguments.minutes_per_step * 60

    def watch_step(old_is_live: bool) -> str | None:
        return watch.run(seconds, old_is_live=old_is_live)

    mirror = {rollout.to: arguments.mirror} if arguments.mirror else None
    roll(client, endpoint, rollout, arguments.steps, watch_step, mirror)


def go_back(client: MLClient, arguments: argparse.Namespace) -> None:
    """Return the traffic to what it was before the latest rollout."""
    endpoint = get_online_endpoint(client, arguments.endpoint)
    states = deployment_states(client, arguments.endpoint)
    healthy = [name for name, state in states.items() if state == "Succeeded"]
    way = find_way_back(endpoint, healthy)
    if arguments.dry_run:
        print(f"Would set the traffic: {as_text(live(endpoint))} -> {as_text(way.before)}")
        return
    take_back(client, arguments.endpoint, way)


def deployment_states(client: MLClient, endpoint: str) -> dict[str, str]:
    """The deployments of an online endpoint, and their provisioning states."""
    return {d.name: state_of(d) for d in client.online_deployments.list(endpoint)}


def say_what_would_be_done(
    client: MLClient, arguments: argparse.Namespace, rollout: Rollout
) -> None:
    """Print what a run would change."""
    now = live(get_online_endpoint(client, arguments.endpoint))
    print(f"Traffic now: {as_text(now)}")
    if arguments.deploy:
        print(f"Would deploy {arguments.deploy} as {rollout.to}, without traffic.")
    print(
        f"Would compare {rollout.old} and {rollout.to} on {len(find_images(arguments.images))}"
        " images."
    )
    if arguments.mirror and not now.get(rollout.to):
        print(f"Would mirror {arguments.mirror} % to it for {arguments.minutes_per_step:g} min.")
    for step in arguments.steps:
        if step >= now.get(rollout.to, 0):
            print(f"Would give it {step} % for {arguments.minutes_per_step:g} min.")


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = new_parser(__doc__, changes=True)
    parser.add_argument("endpoint", help="name of the online endpoint")
    goal = parser.add_mutually_exclusive_group(required=True)
    goal.add_argument("--to", metavar="DEPLOYMENT", help="the new deployment")
    goal.add_argument("--back", action="store_true", help="return to the traffic before, at once")
    parser.add_argument("--deploy", metavar="FILE", type=Path, help="make it from this YAML first")
    parser.add_argument(
        "--skip-checks", action="store_true", help="with --deploy: whatever the checks say"
    )
    parser.add_argument(
        "--steps", type=percentages, default=[10, 50, 100], metavar="10,50,100", help="its shares"
    )
    parser.add_argument(
        "--minutes-per-step", type=number(0), default=10, metavar="MINUTES", help="default: 10"
    )
    parser.add_argument(
        "--mirror",
        type=whole_number(1, 50),  # what Azure mirrors
        metavar="PERCENT",
        help="first send it copies of so many requests for one step's time (managed endpoints)",
    )
    comparison = parser.add_argument_group("comparison before any traffic")
    comparison.add_argument(
        "--images", type=Path, default=SAMPLES, metavar="FOLDER", help="default: samples/"
    )
    comparison.add_argument(
        "--min-agreement", type=number(0, 100), default=98, metavar="PERCENT", help="default: 98"
    )
    comparison.add_argument("--report", type=Path, metavar="FILE", help=".md or .json")
    limits = parser.add_argument_group("limits that return the traffic")
    limits.add_argument(
        "--max-errors",
        type=number(0, 100),
        default=1,
        metavar="PERCENT",
        help="failed requests above those of the old deployment (default: 1)",
    )
    limits.add_argument(
        "--max-slowdown",
        type=number(0),
        default=1.5,
        metavar="TIMES",
        help="latency in multiples of the old deployment's (default: 1.5)",
    )
    limits.add_argument(
        "--max-p95-ms", type=number(0), metavar="MS", help="95th percentile, whatever the old one's"
    )
    add_workspace_arguments(parser)
    return parser.parse_args()


def percentages(text: str) -> list[int]:
    """Read rising percentages that end at 100 or before."""
    try:
        steps = [int(part) for part in text.split(",")]
    except ValueError:
        steps = []
    if not steps or steps != sorted(set(steps)) or steps[0] < 1 or steps[-1] > 100:
        raise argparse.ArgumentTypeError(f"{text} is no rising list such as 10,50,100")
    return steps


if __name__ == "__main__":
    run(main)
