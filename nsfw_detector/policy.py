"""The policy: from "at least" probabilities to a level and to allow / review / block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nsfw_detector.errors import PolicyError
from nsfw_detector.results import Decision

DEFAULT_POLICY = Path(__file__).with_name("default_policy.yml")
DEFAULT_THRESHOLD = 0.5
DECISIONS: tuple[Decision, ...] = ("allow", "review", "block")
"""From mildest to strictest."""

Threshold: TypeAlias = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False, strict=True)]
Thresholds: TypeAlias = dict[str, Threshold]


class Policy(BaseModel):
    """What level an image is called, and what is done with it.

    All three maps go from a level name to a threshold in [0, 1], which the image reaches when its
    `at_least` probability of that level is the same or more.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    levels: Thresholds = {}
    """An image is of the highest level that it reaches here; a level not named has 0.5."""

    review: Thresholds = {}
    """A person should look at an image that reaches any of these (and none of `block`)."""

    block: Thresholds = {}
    """An image that reaches any of these is to be refused."""

    @classmethod
    def load(cls, path: Path = DEFAULT_POLICY) -> Policy:
        """Read a policy from a YAML file.

        Raises:
            PolicyError: The file cannot be read, is not YAML, or has a wrong field or value.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise PolicyError(f"Policy file cannot be read: {error}. Check POLICY_FILE.") from None
        try:
            content = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise PolicyError(f"Policy file is not YAML: {error}") from None
        return cls.parse(content)

    @classmethod
    def parse(cls, content: object) -> Policy:
        """Validate a policy given as plain data (a parsed YAML or JSON object).

        Raises:
            PolicyError: A field is unknown, or a value is no number in [0, 1].
        """
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            problems = "; ".join(
                f"{'.'.join(str(part) for part in e['loc']) or 'policy'}: {e['msg']}"
                for e in error.errors()
            )
            raise PolicyError(
                f"Policy not valid: {problems}. It is an object with `levels`, `review` and "
                "`block`, each mapping level names to thresholds from 0 to 1."
            ) from None

    def check_labels(self, labels: Sequence[str]) -> Policy:
        """Return the policy itself if every level it names is one of the checkpoint's.

        Args:
            labels: The checkpoint's labels, lowest first. The lowest takes no threshold, because
                every image is at least that.

        Raises:
            PolicyError: A level is unknown, or is the lowest.
        """
        levels = list(labels[1:])
        for field in ("levels", "review", "block"):
            for name in getattr(self, field):
                if name not in levels:
                    raise PolicyError(
                        f"Policy not valid: {field}.{name}: this checkpoint has the levels "
                        f"{', '.join(levels)} above {labels[0]}."
                    )
        return self

    def level(self, at_least: Mapping[str, float], lowest: str) -> str:
        """Name the highest level whose probability reaches its threshold, else `lowest`.

        Args:
            at_least: Level name -> probability of that level or higher, in rising order.
            lowest: The label of an image that reaches none.
        """
        reached = lowest
        for name, value in at_least.items():
            if value >= self.levels.get(name, DEFAULT_THRESHOLD):
                reached = name
        return reached

    def decide(self, at_least: Mapping[str, float]) -> Decision:
        """Decide on an image by its `at_least` probabilities."""

        def reaches(thresholds: Mapping[str, float]) -> bool:
            return any(at_least[name] >= value for name, value in thresholds.items())

        if reaches(self.block):
            return "block"
        return "review" if reaches(self.review) else "allow"


def as_policy(value: Policy | Mapping[str, Any] | None) -> Policy | None:
    """Accept a policy as an object, as plain data, or not at all."""
    return value if value is None or isinstance(value, Policy) else Policy.parse(value)
