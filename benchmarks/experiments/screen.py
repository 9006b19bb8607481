"""A screen at lower resolution that passes on only the images it is not sure of.

The screen is the same weights at a fraction of the input size. It settles what lies outside a band:
it allows below one threshold and blocks above another, and passes on the rest to the full
resolution. The band is the narrowest with which no decision of the default policy (or next to none)
differs on one half of the pictures; the other half judges. The pictures are freshly drawn, or your
own. Speed is measured on a second checkpoint, from an image file to scores, all contenders in turn:
processor time on one thread, which others on the machine disturb least.

Example:
    python -m benchmarks.experiments.screen --pictures 4000
    python -m benchmarks.experiments.screen --checkpoint out/model --images my/images
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from benchmarks.contenders import CONTENDERS
from benchmarks.experiments.arguments import experiment_parser
from benchmarks.experiments.band import Band
from benchmarks.experiments.evaluation import (
    Agreement,
    Values,
    accuracy,
    decisions,
    machine,
    minima,
    processor_time,
    table,
)
from benchmarks.experiments.pictures import Picture, draw_pictures, read_pictures
from benchmarks.experiments.resolution import at_scale
from benchmarks.full_size import full_size
from nsfw_detector.checkpoint import Checkpoint
from nsfw_detector.engines.cpu import fast_float
from nsfw_detector.engines.openvino_engine import OpenVINOEngine, Precision
from nsfw_detector.levels import at_least, probabilities
from nsfw_detector.policy import DECISIONS, Policy
from nsfw_detector.transform import Transform
from scripts.paths import SAMPLES

SCALES = (1.0, 0.75, 0.5)
SLIPS = 0.002
"""Share of calibrating pictures that each threshold may settle wrongly, where it may at all."""

PHOTO = SAMPLES / "cat.jpg"
PIPELINE = "transformers pipeline bf16 (its default)"


class Scorer:
    """A checkpoint at one input size, from a decoded image to `at_least` values."""

    def __init__(self, checkpoint: Checkpoint, precision: Precision) -> None:
        self.side = checkpoint.config.preprocess.height
        self._transform = Transform(checkpoint.config.preprocess)
        self._engine = OpenVINOEngine.from_checkpoint(checkpoint, precision, threads=1)

    def __call__(self, image: Image.Image) -> Values:
        """Score one RGB image."""
        logits = self._engine.infer(self._transform(image)[None]).logits
        values: Values = at_least(probabilities(logits))[0]
        return values

    def score_file(self, path: Path) -> Values:
        """Decode and score one image file."""
        with Image.open(path) as image:
            return self(image.convert("RGB"))


def score_all(
    checkpoint: Checkpoint, pictures: Iterable[Picture]
) -> tuple[list[Values], list[int | None]]:
    """Score pictures at all scales; also return their true levels."""
    scorers = [Scorer(at_scale(checkpoint, scale), "fp32") for scale in SCALES]
    values: list[list[Values]] = [[] for _ in scorers]
    levels = []
    for image, level in tqdm(pictures, desc="scoring", unit="picture"):
        levels.append(level)
        for own, scorer in zip(values, scorers, strict=True):
            own.append(scorer(image))
    return [np.stack(own) for own in values], levels


def measure_speed(checkpoint: Path, rounds: int) -> dict[str, float]:
    """Least seconds of each side, and of the transformers pipeline, by name."""
    loaded = Checkpoint.load(checkpoint)
    scorers = [Scorer(at_scale(loaded, scale), fast_float()) for scale in SCALES]
    contenders = {str(s.side): processor_time(partial(s.score_file, PHOTO)) for s in scorers}
    torch.set_num_threads(1)
    pipeline = CONTENDERS[PIPELINE].load(checkpoint)
    contenders[PIPELINE] = processor_time(partial(pipeline, PHOTO))
    return minima(contenders, rounds)


def report(
    values: Sequence[Values],
    levels: Sequence[int | None],
    labels: Sequence[str],
    costs: Sequence[float],
) -> str:
    """Calibrate each screen on one half of the pictures and judge it on the other.

    Args:
        values: The full resolution's values, then each screen's.
        levels: True levels, where they are known.
        labels: Of the checkpoint.
        costs: Time of each screen as a share of the full resolution's.
    """
    policy = Policy.load()
    columns = [labels[1:].index(next(iter(level))) for level in (policy.review, policy.block)]
    half = len(levels) // 2
    full = decisions(policy, labels, values[0])
    groups = [np.array(full[half:]) == decision for decision in DECISIONS]
    rows = []
    for (scale, screen, cost), slips in product(
        zip(SCALES[1:], values[1:], costs, strict=True), (0, round(half * SLIPS))
    ):
        review, block = (screen[:, column] for column in columns)
        band = Band.calibrate(review[:half], block[:half], full[:half], slips)
        settled = [band.settle(*pair) for pair in zip(review[half:], block[half:], strict=True)]
        final = [own or other for own, other in zip(settled, full[half:], strict=True)]
        passed = np.array([own is None for own in settled])
        shares = [passed[group].mean() if group.any() else np.nan for group in groups]
        rows.append(
            (
                scale,
                accuracy(screen[half:], levels[half:]),
                Agreement.between(decisions(policy, labels, screen[half:]), full[half:]),
                slips,
                f"{band.lower:.2g} to {band.upper:.4f}",
                f"{passed.mean():.1%} ({', '.join(f'{share:.1%}' for share in shares)})",
                Agreement.between(final, full[half:]),
                f"{1 / (cost + passed.mean()):.2f}",
                f"{1 / (cost + shares[0]):.2f}",
            )
        )
    head = (
        "scale",
        "accuracy alone",
        "equal decisions alone",
        "slips",
        "band",
        "passed on (of allow, review, block)",
        "equal decisions together",
        "times full resolution",
        "were all allowed",
    )
    exact = accuracy(values[0][half:], levels[half:])
    counts = Counter(full[half:])
    mix = ", ".join(f"{counts[decision]} {decision}" for decision in DECISIONS)
    return (
        f"At full resolution: accuracy {exact}; {mix} in the half that judges.\n\n"
        f"{table(head, rows)}"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print both tables."""
    parser = experiment_parser(__doc__, pictures=4000, rounds=10)
    parser.add_argument("--images", type=Path, help="folder of images (default: drawn pictures)")
    options = parser.parse_args(arguments)
    with full_size(options.speed) as speed:
        seconds = measure_speed(speed, options.rounds)
    times = list(seconds.values())
    rows = [
        (name, f"{1000 * own:.0f}", f"{times[0] / own:.2f}", f"{times[-1] / own:.2f}")
        for name, own in seconds.items()
    ]
    how = f"minima of {options.rounds} interleaved runs"
    print(f"{machine()}, one used; {fast_float()}, one image file, {how}.\n")
    print(table(("side in pixels", "ms", "times full resolution", "times pipeline"), rows))
    checkpoint = Checkpoint.load(options.checkpoint)
    count = options.pictures
    pictures = read_pictures(options.images, count) if options.images else draw_pictures(count)
    values, levels = score_all(checkpoint, pictures)
    labels = checkpoint.config.label_names
    costs = [own / times[0] for own in times[1 : len(SCALES)]]
    print(f"\n{report(values, levels, labels, costs)}")


if __name__ == "__main__":
    main()
