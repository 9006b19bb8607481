"""A screen at lower resolution that passes on only the images it is not sure of.

The screen is the same weights at a fraction of the input size. It settles what lies outside a band:
it allows below one threshold and blocks above another, and passes on the rest to the full
resolution. The band is the narrowest with which no decision of the default policy differs on one
half of freshly drawn pictures; the other half judges. Speed is measured on a second checkpoint,
from an image file to logits, all contenders in turn.

Example:
    python -m benchmarks.experiments.screen --pictures 4000
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from benchmarks.experiments.evaluation import (
    SEED,
    Agreement,
    Values,
    accuracy,
    decisions,
    machine,
    minima,
    table,
    timed,
)
from benchmarks.experiments.resolution import at_scale
from benchmarks.worker import ROOT, Worker
from nsfw_detector.checkpoint import Checkpoint
from nsfw_detector.engines.cpu import fast_float, usable_cores
from nsfw_detector.engines.openvino_engine import OpenVINOEngine, Precision
from nsfw_detector.levels import at_least, probabilities
from nsfw_detector.policy import Policy
from nsfw_detector.results import Decision
from nsfw_detector.transform import Transform
from scripts.demo_images import example
from scripts.random_checkpoint import FREEPIK_CONFIG, write_checkpoint

SCALES = (1.0, 0.75, 0.5)
PHOTO = ROOT / "samples" / "cat.jpg"
PIPELINE = "transformers pipeline bf16 (its default)"


@dataclass(frozen=True)
class Band:
    """What the screen passes on.

    Attributes:
        lower: Allowed without a second look: a value of the policy's review level below this.
        upper: Blocked without a second look: a value of its block level above this.
    """

    lower: float
    upper: float

    @classmethod
    def calibrate(cls, review: Values, block: Values, full: Sequence[Decision]) -> Band:
        """The narrowest band that settles nothing otherwise than the full resolution does.

        Args:
            review: The screen's values of the review level.
            block: Its values of the block level.
            full: What the full resolution decides. Where no example speaks against settling, none
                speaks for it either: the band is then open on that side.
        """
        decided = np.array(full)
        return cls(
            lower=min(review[decided != "allow"].tolist(), default=0.0),
            upper=max(block[decided != "block"].tolist(), default=1.0),
        )

    def settle(self, review: float, block: float) -> Decision | None:
        """Decide, or return None to pass the image on."""
        allow, refuse = review < self.lower, block > self.upper
        if allow == refuse:  # neither, or at odds with itself
            return None
        return "allow" if allow else "block"


class Scorer:
    """A checkpoint at one input size, from a decoded image to `at_least` values."""

    def __init__(self, checkpoint: Checkpoint, precision: Precision) -> None:
        self.side = checkpoint.config.preprocess.height
        self._transform = Transform(checkpoint.config.preprocess)
        self._engine = OpenVINOEngine.from_checkpoint(checkpoint, precision, usable_cores())

    def __call__(self, image: Image.Image) -> Values:
        """Score one RGB image."""
        logits = self._engine.infer(self._transform(image)[None]).logits
        values: Values = at_least(probabilities(logits))[0]
        return values

    def score_file(self, path: Path) -> Values:
        """Decode and score one image file."""
        with Image.open(path) as image:
            return self(image.convert("RGB"))


def score_drawings(checkpoint: Path, pictures: int) -> tuple[list[Values], list[int]]:
    """Score freshly drawn pictures at all scales; also return their true levels."""
    loaded = Checkpoint.load(checkpoint)
    scorers = [Scorer(at_scale(loaded, scale), "fp32") for scale in SCALES]
    values: list[list[Values]] = [[] for _ in scorers]
    levels = []
    for index in tqdm(range(pictures), desc="scoring", unit="picture"):
        drawn = example(SEED, index)
        levels.append(drawn.level)
        for own, scorer in zip(values, scorers, strict=True):
            own.append(scorer(drawn.image))
    return [np.stack(own) for own in values], levels


def measure_speed(checkpoint: Path, rounds: int) -> dict[str, float]:
    """Least seconds of each side, and of the transformers pipeline, by name."""
    loaded = Checkpoint.load(checkpoint)
    scorers = [Scorer(at_scale(loaded, scale), fast_float()) for scale in SCALES]
    contenders = {str(s.side): timed(partial(s.score_file, PHOTO)) for s in scorers}
    with Worker(PIPELINE, checkpoint, PHOTO) as worker:
        contenders[PIPELINE] = lambda: worker.run(PHOTO).seconds
        return minima(contenders, rounds)


def report(
    values: Sequence[Values], levels: Sequence[int], labels: Sequence[str], costs: Sequence[float]
) -> str:
    """Calibrate each screen on one half of the pictures and judge it on the other.

    Args:
        values: The full resolution's values, then each screen's.
        levels: True levels.
        labels: Of the checkpoint.
        costs: Time of each screen as a share of the full resolution's.
    """
    policy = Policy.load()
    columns = [labels[1:].index(next(iter(level))) for level in (policy.review, policy.block)]
    half = len(levels) // 2
    full = decisions(policy, labels, values[0])
    rows = []
    for scale, screen, cost in zip(SCALES[1:], values[1:], costs, strict=True):
        review, block = (screen[:, column] for column in columns)
        band = Band.calibrate(review[:half], block[:half], full[:half])
        settled = [band.settle(*pair) for pair in zip(review[half:], block[half:], strict=True)]
        final = [own or other for own, other in zip(settled, full[half:], strict=True)]
        passed = np.array([own is None for own in settled])
        by_decision = [
            f"{passed[np.array(full[half:]) == decision].mean():.0%}"
            for decision in ("allow", "review", "block")
        ]
        rows.append(
            (
                scale,
                f"{accuracy(screen[half:], levels[half:]):.3f}",
                Agreement.between(decisions(policy, labels, screen[half:]), full[half:]),
                f"{band.lower:.2g} to {band.upper:.4f}",
                f"{passed.mean():.1%} ({', '.join(by_decision)})",
                Agreement.between(final, full[half:]),
                f"{cost:.2f}",
                f"{1 / (cost + passed.mean()):.2f}",
            )
        )
    head = (
        "scale",
        "accuracy alone",
        "equal decisions alone",
        "band",
        "passed on (of allow, review, block)",
        "equal decisions together",
        "cost of the screen",
        "times full resolution",
    )
    exact = accuracy(values[0][half:], levels[half:])
    return f"Accuracy at full resolution: {exact:.3f}, {half} pictures.\n\n{table(head, rows)}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print both tables."""
    description, example_text = (__doc__ or "").split("Example:\n")
    parser = argparse.ArgumentParser(
        description=description,
        epilog="example:\n" + example_text,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--checkpoint", type=Path, default=ROOT / "models" / "demo")
    parser.add_argument("--pictures", type=int, default=4000, help="default: %(default)s")
    parser.add_argument("--speed", type=Path, help="default: random weights of full size")
    parser.add_argument("--rounds", type=int, default=10, help="default: %(default)s")
    options = parser.parse_args(arguments)
    with ExitStack() as stack:
        speed = options.speed
        if speed is None:
            print("writing random weights ...", file=sys.stderr)
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            speed = write_checkpoint(folder, FREEPIK_CONFIG)
        seconds = measure_speed(speed, options.rounds)
    times = list(seconds.values())
    rows = [
        (name, f"{1000 * own:.0f}", f"{times[0] / own:.2f}", f"{times[-1] / own:.2f}")
        for name, own in seconds.items()
    ]
    how = f"minima of {options.rounds} interleaved runs"
    print(f"{machine()}; {fast_float()}, one image file, {how}.\n")
    print(table(("side in pixels", "ms", "times full resolution", "times pipeline"), rows))
    values, levels = score_drawings(options.checkpoint, options.pictures)
    labels = Checkpoint.load(options.checkpoint).config.label_names
    costs = [own / times[0] for own in times[1 : len(SCALES)]]
    print(f"\n{report(values, levels, labels, costs)}")


if __name__ == "__main__":
    main()
