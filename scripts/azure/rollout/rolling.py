"""Move the traffic of an endpoint to another deployment step by step, and back if need be.

Where a rollout stands is kept in Azure alone: in the endpoint's traffic, and in a tag set in the
same request, which remembers the traffic before. So any run can go on with what another began.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from scripts.azure.deployment.endpoints import get_online_endpoint
from scripts.azure.deployment.traffic import Traffic, as_text, live, set_traffic, shift
from scripts.errors import OperatorError

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

TAG = "rollout"

State: TypeAlias = Literal["under way", "done", "taken back"]


class BreachError(OperatorError):
    """The new deployment was worse than may be; the old traffic is back."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """A rollout, as the endpoint's tag remembers it.

    Attributes:
        to: The new deployment.
        before: Traffic before it.
        state: How far it got.
    """

    to: str
    before: Traffic
    state: State = "under way"

    @property
    def old(self) -> str:
        """The deployment to compare with: the one that had most of the traffic."""
        others = {name: share for name, share in self.before.items() if name != self.to}
        return max(others, key=lambda name: others[name])

    def tag(self) -> dict[str, str | None]:
        """The endpoint's tag."""
        return {TAG: json.dumps({"to": self.to, "before": self.before, "state": self.state})}

    @classmethod
    def of(cls, endpoint: Any) -> Rollout | None:
        """Read the endpoint's tag; None if there is none that can be read."""
        try:
            content = json.loads((endpoint.tags or {})[TAG])
            known = cls(str(content["to"]), dict(content["before"]), content["state"])
        except (KeyError, ValueError, TypeError):
            return None
        return known if known.state in get_args(State) else None


def is_done(endpoint: Any, to: str) -> bool:
    """Whether a deployment has all traffic, and no rollout to it was left unfinished."""
    known = Rollout.of(endpoint)
    return live(endpoint) == {to: 100} and (
        known is None or known.state != "under way" or known.to != to
    )


def begin(endpoint: Any, to: str) -> Rollout:
    """Begin a rollout, or take up the one that another run left unfinished.

    Args:
        endpoint: As the SDK returned it.
        to: The new deployment.

    Raises:
        OperatorError: Nothing can be rolled out.
    """
    unfinished = Rollout.of(endpoint)
    if unfinished and unfinished.state == "under way":
        if unfinished.to == to:
            print(f"Going on with the rollout from {as_text(unfinished.before)}.")
            return unfinished
        raise OperatorError(
            f"A rollout to `{unfinished.to}` has not ended.",
            f"End it with --to {unfinished.to}, or take it back with --back.",
        )
    before = live(endpoint)
    if not before:
        raise OperatorError(
            f"No deployment of `{endpoint.name}` has traffic to move.",
            "Give the first one all of it: python -m scripts.deploy FILE --traffic all",
        )
    return Rollout(to, before)


def roll(
    client: MLClient,
    endpoint: str,
    rollout: Rollout,
    steps: Sequence[int],
    watch: Callable[[bool], str | None],
    mirror: Mapping[str, int] | None = None,
) -> None:
    """Go through the steps; leave either all of them done or the old traffic.

    Args:
        client: The workspace.
        endpoint: The endpoint.
        rollout: From `begin`.
        steps: Percentages for the new deployment, rising.
        watch: Watches a step; told whether the old deployment still has traffic, says what is
            wrong.
        mirror: Deployment and percentage of copies for a phase before the steps.

    Raises:
        BreachError: It was worse than may be.
    """
    share = live(get_online_endpoint(client, endpoint)).get(rollout.to, 0)
    try:
        if mirror and not share:
            print(f"Copies of {as_text(mirror)} of the requests, without answers to callers:")
            set_traffic(client, endpoint, rollout.before, mirror=mirror, tags=rollout.tag())
            _stop_at_breach(watch(True))
        for percent in (step for step in steps if step >= share):
            traffic = shift(rollout.before, rollout.to, percent)
            print(f"{as_text(traffic)}:", flush=True)
            set_traffic(client, endpoint, traffic, tags=rollout.tag())
            _stop_at_breach(watch(rollout.old in traffic))
        done = replace(rollout, state="done")
        traffic = live(get_online_endpoint(client, endpoint))
        set_traffic(client, endpoint, traffic, tags=done.tag())
        print(f"Done. Traffic: {as_text(traffic)}")
    except BaseException as error:  # Ctrl-C too: never leave traffic where nobody watches it
        reason = error.what if isinstance(error, OperatorError) else type(error).__name__
        print(f"\n{reason}. Returning to the traffic before.", file=sys.stderr, flush=True)
        take_back(client, endpoint, rollout)
        raise


def take_back(client: MLClient, endpoint: str, rollout: Rollout) -> None:
    """Return to the traffic before a rollout.

    Raises:
        OperatorError: It could not be set; says what to do.
    """
    try:
        tag = replace(rollout, state="taken back").tag()
        set_traffic(client, endpoint, rollout.before, tags=tag)
    except BaseException as error:
        raise OperatorError(
            f"The traffic could NOT be returned ({type(error).__name__}): `{rollout.to}` may still "
            "have a share.",
            f"Run now: python -m scripts.rollout {endpoint} --back",
        ) from error
    print(f"Traffic is back: {as_text(rollout.before)}", file=sys.stderr, flush=True)


def find_way_back(endpoint: Any, healthy: Sequence[str]) -> Rollout:
    """Find out what `--back` means.

    Args:
        endpoint: As the SDK returned it.
        healthy: Its deployments that could take traffic.

    Raises:
        OperatorError: It is not clear.
    """
    known = Rollout.of(endpoint)
    now = live(endpoint)
    if known and (known.state != "done" or now.get(known.to)):
        if missing := sorted(set(known.before) - set(healthy)):
            raise OperatorError(
                f"The traffic before was {as_text(known.before)}, but {', '.join(missing)} cannot "
                "take any.",
                "Deploy it again, or choose another: --to NAME",
            )
        return known
    others = [name for name in healthy if name not in now]
    if len(now) == 1 and len(others) == 1:
        return Rollout(next(iter(now)), {others[0]: 100})
    raise OperatorError(
        f"No rollout to take back is known; traffic is {as_text(now)}.",
        "Name the deployment that should have it: --to NAME --steps 100",
    )


def _stop_at_breach(breach: str | None) -> None:
    if breach:
        raise BreachError(
            f"Breach: {breach}",
            "The old traffic is back. Logs: az ml online-deployment get-logs",
        )
