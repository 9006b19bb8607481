"""Real photos through a deployment: does it answer as it should, and as the model it should be?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from scripts.azure.scoring.scored import Scored
from scripts.azure.scoring.scorer import Scorer
from scripts.errors import OperatorError


def smoke_test(scorer: Scorer, photos: Sequence[Path], digest: str | None) -> None:
    """Score photos one after the other and print what came back.

    Args:
        scorer: Client of the deployment.
        photos: Images that every sound deployment can score.
        digest: Of the checkpoint that should answer (`sha256:...`); None where it is not known.

    Raises:
        ScoringError: No answer.
        OperatorError: An answer that a sound deployment would not give.
    """
    print(f"\n{'photo':<26}{'level':<9}{'decision':<10}{'ms':>6}")
    for photo in photos:
        scored = scorer.score(photo.read_bytes())
        _check(photo.name, scored, digest)
        result = scored.result
        print(
            f"{photo.name:<26}{result['level']:<9}{result['decision']:<10}"
            f"{scored.seconds * 1000:>6.0f}"
        )
    model = scored.model
    print(f"{len(photos)} photos scored by {model['name']} {model.get('version') or ''}".rstrip())
    print(f"{model.get('digest')}, {model.get('engine')}\n")


def _check(photo: str, scored: Scored, digest: str | None) -> None:
    result, model = scored.result, scored.model
    if error := result.get("error"):
        raise OperatorError(
            f"{photo} was not scored: {error.get('code')}: {error.get('message')}",
            "The deployment runs, but does not work. Its traffic was left as it was.",
        )
    scores = result.get("scores") or {}
    if result.get("level") not in scores or abs(sum(scores.values()) - 1) > 0.001:
        raise OperatorError(
            f"{photo} got an answer without sound level and scores: {result}",
            "The deployment does not run this package's score.py. Its traffic was left as it was.",
        )
    if digest and model.get("digest") != digest:
        raise OperatorError(
            f"The deployment answers with the checkpoint {model.get('digest')}, but the registered "
            f"model is {digest}.",
            "Another model is served than was asked for. Its traffic was left as it was.",
        )
