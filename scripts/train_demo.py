"""Train the demo checkpoint, the tiny model with which everything here can be tried.

It draws pictures (`demo_images`), trains a tiny EVA-02 on them, saves it in the files and format
of Freepik/nsfw_image_detector, and measures what was saved: through timm, on pictures of another
seed and on the photos in samples/. The model card holds what was measured.

Needs the development environment (torch, timm); ten minutes on two cores.

Example:
    python -m scripts.train_demo
    python -m scripts.train_demo --steps 2 --held-out 20 --out /tmp/demo   # to see it work
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from safetensors.torch import save_file
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from nsfw_detector.torchvision_shim import ensure_importable
from scripts.command import whole_number
from scripts.demo_images import LEVELS, example
from scripts.image_files import find_images
from scripts.paths import DEMO, SAMPLES

ensure_importable()
import timm  # noqa: E402 - imports torchvision

ARCHITECTURE = "eva02_base_patch14_448"
SIDE = 112
MODEL_ARGS = {"img_size": SIDE, "embed_dim": 96, "depth": 4, "num_heads": 4}
"""What makes timm's EVA-02 base tiny; all else (patches of 14, SwiGLU, rotary ...) stays."""

MEAN = [0.48145466, 0.4578275, 0.40821073]
STD = [0.26862954, 0.26130258, 0.27577711]

CONFIG: dict[str, Any] = {
    "architecture": ARCHITECTURE,
    "architectures": ["TimmWrapperForImageClassification"],
    "do_pooling": True,
    "global_pool": "avg",
    "initializer_range": 0.02,
    "label_names": list(LEVELS),
    "model_args": MODEL_ARGS,
    "model_name": "nsfw-detector-demo",
    "model_type": "timm_wrapper",
    "model_version": "1",
    "num_classes": len(LEVELS),
    "num_features": MODEL_ARGS["embed_dim"],
    "pretrained_cfg": {
        "classifier": "head",
        "crop_mode": "squash",
        "crop_pct": 1.0,
        "custom_load": False,
        "first_conv": "patch_embed.proj",
        "fixed_input_size": True,
        "input_size": [3, SIDE, SIDE],
        "interpolation": "bicubic",
        "license": "mit",
        "mean": MEAN,
        "pool_size": None,
        "std": STD,
        "tag": "demo",
    },
    "torch_dtype": "bfloat16",
}
"""config.json: the original's keys, the tiny model's arguments, and its own name and version."""

WORKERS = 2
"""Processes that draw. Drawing costs more than training, so torch itself keeps to one thread."""

BATCH = 32
LEARNING_RATE = 2e-3
HELD_OUT_SEED_OFFSET = 1_000_000
"""From the seed of the training pictures to that of the pictures which the model is measured on."""

HELD_OUT_SIDE = 2000
"""The longest side of a held-out picture; training pictures are smaller, to be drawn faster."""

Scores: TypeAlias = NDArray[np.float32]


# --- Training -------------------------------------------------------------------------------------


class Drawings(Dataset[tuple[NDArray[np.uint8], int]]):
    """Training pictures of a seed, scaled for the model, (3, side, side), and their levels."""

    def __init__(self, seed: int, count: int) -> None:
        self._seed = seed
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> tuple[NDArray[np.uint8], int]:
        drawn = example(self._seed, index)
        image = drawn.image.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        return np.asarray(image).transpose(2, 0, 1).copy(), drawn.level


def train(steps: int, seed: int) -> torch.nn.Module:
    """Train a tiny EVA-02 from nothing.

    Args:
        steps: Number of batches, each of new pictures.
        seed: Decides the first weights and all pictures.
    """
    torch.manual_seed(seed)
    model: torch.nn.Module = timm.create_model(
        ARCHITECTURE, pretrained=False, num_classes=len(LEVELS), **MODEL_ARGS
    ).train()
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.05
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, LEARNING_RATE, total_steps=steps + 1, pct_start=0.1
    )
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (MEAN, STD))
    progress = Progress(steps)
    batches = DataLoader(Drawings(seed, steps * BATCH), BATCH, num_workers=WORKERS)
    for pixels, levels in batches:
        inputs = pixels.float().div(255).sub(mean).div(std)
        logits = model(inputs)
        loss = functional.cross_entropy(logits, levels)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        accuracy = (logits.argmax(1) == levels).float().mean()
        progress.update(loss.item(), accuracy.item())
    return model.eval()


class Progress:
    """Prints means of the last steps' loss and accuracy, and the time left, twenty times a run."""

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._began = time.monotonic()
        self._step = 0
        self._recent: list[tuple[float, float]] = []

    def update(self, loss: float, accuracy: float) -> None:
        """Count one step."""
        self._step += 1
        self._recent.append((loss, accuracy))
        if self._step % max(1, self._steps // 20) and self._step < self._steps:
            return
        loss, accuracy = np.mean(self._recent, axis=0)
        self._recent.clear()
        left = (time.monotonic() - self._began) / self._step * (self._steps - self._step)
        print(
            f"step {self._step}/{self._steps}  loss {loss:.3f}  accuracy {accuracy:.3f}"
            f"  {left:.0f} s left",
            flush=True,
        )


def save(model: torch.nn.Module, folder: Path) -> None:
    """Write config.json and model.safetensors as the original has them: timm's keys, bfloat16."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(CONFIG, indent=2) + "\n", encoding="utf-8")
    tensors = {key: value.to(torch.bfloat16) for key, value in model.state_dict().items()}
    weights = folder / "model.safetensors"
    save_file(tensors, weights, metadata={"format": "pt"})
    weights.chmod(0o644)  # safetensors leaves it readable by its owner alone


# --- Measuring what was saved ---------------------------------------------------------------------


class Scorer:
    """A saved checkpoint, loaded and fed as timm does it."""

    def __init__(self, folder: Path) -> None:
        self._model = timm.create_model(f"local-dir:{folder}", pretrained=True).eval()
        self._transform = timm.data.create_transform(
            **timm.data.resolve_model_data_config(self._model)
        )

    @property
    def parameters(self) -> int:
        """How many weights the model has."""
        return sum(p.numel() for p in self._model.parameters())

    @torch.inference_mode()
    def __call__(self, image: Image.Image) -> Scores:
        """Return the probability of each level, (levels,)."""
        scores: Scores = self._model(self._transform(image)[None]).softmax(-1)[0].numpy()
        return scores


def confusion(scorer: Scorer, seed: int, count: int, max_side: int) -> NDArray[np.int64]:
    """Count what is predicted for the pictures of a seed.

    Returns:
        (levels, levels): the true level by row, the predicted one by column.
    """
    matrix = np.zeros((len(LEVELS), len(LEVELS)), np.int64)
    for index in range(count):
        drawn = example(seed, index, max_side)
        matrix[drawn.level, scorer(drawn.image).argmax()] += 1
    return matrix


def sample_scores(scorer: Scorer, folder: Path) -> dict[str, Scores]:
    """Score every image of a folder, upright and in RGB, by file name."""
    scores = {}
    for path in find_images(folder):
        with Image.open(path) as image:
            scores[path.name] = scorer(ImageOps.exif_transpose(image).convert("RGB"))
    return scores


# --- The model card -------------------------------------------------------------------------------


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
<!-- Written by scripts/train_demo.py: change it there. -->
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
`scripts/demo_images.py`, each shown once.

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


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, save, measure, and write the model card."""
    description, example_text = (__doc__ or "").split("Example:\n")
    parser = argparse.ArgumentParser(
        description=description,
        epilog="example:\n" + example_text,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--steps", type=whole_number(1), default=3000, help="batches (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1, help="default: %(default)s")
    parser.add_argument(
        "--held-out",
        type=whole_number(1),
        default=1000,
        help="pictures to measure on (default: %(default)s)",
    )
    parser.add_argument(
        "--measure", action="store_true", help="only measure what is in --out, and write its card"
    )
    parser.add_argument("--out", type=Path, default=DEMO, help="default: models/demo")
    options = parser.parse_args(arguments)

    torch.set_num_threads(1)
    if not options.measure:
        save(train(options.steps, options.seed), options.out)

    print("measuring ...", flush=True)
    scorer = Scorer(options.out)
    weights = (options.out / "model.safetensors").read_bytes()
    report = Report(
        steps=options.steps,
        seed=options.seed,
        parameters=scorer.parameters,
        size=len(weights),
        digest=hashlib.sha256(weights).hexdigest(),
        matrix=confusion(
            scorer, options.seed + HELD_OUT_SEED_OFFSET, options.held_out, HELD_OUT_SIDE
        ),
        samples=sample_scores(scorer, SAMPLES),
    )
    write_card(options.out, report)
    print(f"held-out accuracy {report.accuracy:.3f}; see {options.out / 'README.md'}")


if __name__ == "__main__":
    main()
