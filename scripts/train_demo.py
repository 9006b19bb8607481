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
from collections.abc import Sequence
from pathlib import Path

import torch

from scripts.command import whole_number
from scripts.demo_training.card import Report, write_card
from scripts.demo_training.measuring import Scorer, confusion, sample_scores
from scripts.demo_training.recipe import HELD_OUT_SEED_OFFSET, HELD_OUT_SIDE
from scripts.demo_training.training import save, train
from scripts.paths import DEMO, SAMPLES


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
