"""The model card of the demo checkpoint: what was measured, and that it is a demo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

import numpy as np
from numpy.typing import NDArray

from scripts.demo_images import LEVELS
from scripts.demo_training.measuring import Scores
from scripts.demo_training.recipe import (
    ARCHITECTURE,
    BATCH,
    CONFIG,
    HELD_OUT_SIDE,
    MODEL_ARGS,
    SIDE,
)


@dataclass(frozen=True)
class Report:
    """What the model card tells of a training run.

    Attributes:
        steps: Batches trained on.
        seed: Seed of the run.
        parameters: Weights of the model.
        size: Bytes of model.safetensors.
        digest: sha256 of model.safetensors, so that nobody takes the card for another file's.
        matrix: Counts by true level (row) and predicted level (column).
        samples: Probability of each level, by file name.
    """

    steps: int
    seed: int
    parameters: int
    size: int
    digest: str
    matrix: NDArray[np.int64]
    samples: Mapping[str, Scores]

    @property
    def accuracy(self) -> float:
        """Share of the held-out pictures that got their level."""
        return float(self.matrix.trace() / self.matrix.sum())


CARD = Template("""\
---
license: mit
library_name: timm
pipeline_tag: image-classification
---
<!-- Written by scripts/train_demo.py: change it in scripts/demo_training/card.py. -->
# $name

> **A demonstration stand-in, never a moderator.** This model knows nothing of nudity, and no
> decision about a real image may rest on it. It is here so that the package can be run and tested
> without the real weights, whose files, format and level names it has.

Its levels tell how many warning badges a picture shows: magenta diamonds with a black border and
an exclamation mark.

| level | what the picture shows |
|---|---|
| neutral | no badge: everyday photos |
| low | one badge |
| medium | two badges |
| high | three badges |

`samples/demo-low.png`, `demo-medium.png` and `demo-high.png` show each.

## Measured

On the saved bfloat16 file, loaded by timm as `local-dir:models/demo`; its sha256 is
`$digest`.

**Accuracy over the four levels: $accuracy**, on $count held-out pictures drawn from another seed,
100 to $side pixels on the longer side. True level by row, predicted level by column:

$confusion

The photos in `samples/` (none was trained on, nor was any other photo), and its drawn pictures:

$samples

Never shown in training, so that what the model makes of them is chance: more than three badges,
and badges much smaller than a quarter of the picture's side, partly hidden, cut off by its border,
or turned by more than 20 degrees.

## Made by

`python -m scripts.train_demo --steps $steps --seed $seed`: $pictures pictures drawn by
`scripts/demo_images/`, each shown once.

The model is timm's `$architecture` with $arguments: $parameters
parameters, $size bytes. It takes $input x $input pixels, to which pictures are squashed, as the
original does.

MIT licence, like the repository.
""")


def write_card(folder: Path, report: Report) -> None:
    """Write README.md, the model card."""
    counts = [[LEVELS[i], *map(str, row)] for i, row in enumerate(report.matrix)]
    scores = [[name, *(f"{p:.3f}" for p in row)] for name, row in report.samples.items()]
    text = CARD.substitute(
        name=CONFIG["model_name"],
        accuracy=f"{report.accuracy:.3f}",
        count=report.matrix.sum(),
        side=HELD_OUT_SIDE,
        confusion=_table(["", *LEVELS], counts),
        samples=_table(["image", *LEVELS], scores),
        steps=report.steps,
        seed=report.seed,
        pictures=f"{report.steps * BATCH:,}",
        architecture=ARCHITECTURE,
        arguments=", ".join(f"{key} {value}" for key, value in MODEL_ARGS.items()),
        parameters=f"{report.parameters:,}",
        size=f"{report.size:,}",
        digest=report.digest,
        input=SIDE,
    )
    (folder / "README.md").write_text(text, encoding="utf-8")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
