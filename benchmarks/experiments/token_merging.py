"""Token merging with rotary positions: decisions on drawn pictures, speed at full size.

A share of the patches is merged away on the way through the model, the same number in every block.
Similarity is judged by keys before or after rotation; both are tried on freshly drawn pictures
through the demo checkpoint (fp32). Speed is measured on a second checkpoint, one image in the
faster arithmetic of this CPU, in turn: this torch module without and with merging, and the engine
that the package serves with. It is processor time on one thread, which others on the machine
disturb least.

Example:
    python -m benchmarks.experiments.token_merging --pictures 2000
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import islice

import numpy as np
import torch
from tqdm import tqdm

from benchmarks.experiments.arguments import experiment_parser
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
from benchmarks.experiments.merging_model import MergingEva02
from benchmarks.experiments.pictures import draw_pictures
from benchmarks.full_size import full_size
from nsfw_detector.checkpoint import Checkpoint, Eva02Spec
from nsfw_detector.engines.cpu import fast_float
from nsfw_detector.engines.openvino_engine import OpenVINOEngine, required_spec
from nsfw_detector.levels import at_least, probabilities
from nsfw_detector.policy import Policy
from nsfw_detector.transform import Transform

SHARES = (0.0, 0.0625, 0.125, 0.25, 0.5, 0.75)
ENGINE = "the package's engine"
BATCH = 50
KEYS = {"before rotation": False, "after rotation": True}


def per_block(spec: Eva02Spec, share: float) -> int:
    """Tokens to merge in each block so that a share of all patches is gone at the end."""
    return round(share * (spec.num_tokens - 1) / spec.depth)


def work(spec: Eva02Spec, merged: int) -> float:
    """Multiplications of the blocks as a share of those without merging; matching not counted."""

    def total(merged: int) -> int:
        tokens, dim, count = spec.num_tokens, spec.embed_dim, 0
        for _ in range(spec.depth):
            count += tokens * 4 * dim * dim + 2 * tokens * tokens * dim
            tokens -= min(merged, (tokens - 1) // 2)
            count += tokens * 3 * dim * spec.hidden_dim
        return count

    return total(merged) / total(0)


@torch.inference_mode()
def score_drawings(
    checkpoint: Checkpoint, pictures: int
) -> tuple[dict[tuple[str, float], Values], list[int | None]]:
    """Score freshly drawn pictures.

    Returns:
        Values by way of judging similarity and share merged, and the true levels.
    """
    spec, transform = required_spec(checkpoint), Transform(checkpoint.config.preprocess)
    models = {
        (name, share): MergingEva02(checkpoint, per_block(spec, share), rotated_keys=rotated)
        for name, rotated in KEYS.items()
        for share in SHARES
    }
    logits: dict[tuple[str, float], list[torch.Tensor]] = {key: [] for key in models}
    levels: list[int | None] = []
    drawn = draw_pictures(pictures)
    for _ in tqdm(range(-(-pictures // BATCH)), desc="scoring", unit="batch"):
        images, truth = zip(*islice(drawn, BATCH), strict=True)
        levels += truth
        batch = torch.from_numpy(np.stack([transform(image) for image in images]))
        for key, model in models.items():
            logits[key].append(model(batch))
    return {k: at_least(probabilities(torch.cat(v).numpy())) for k, v in logits.items()}, levels


def accuracy_table(checkpoint: Checkpoint, pictures: int) -> str:
    """Accuracy, and decisions beside those of the whole model."""
    spec, labels, policy = required_spec(checkpoint), checkpoint.config.label_names, Policy.load()
    values, levels = score_drawings(checkpoint, pictures)
    rows = []
    for (name, share), own in values.items():
        full = decisions(policy, labels, values[name, 0.0])
        agreement = Agreement.between(decisions(policy, labels, own), full)
        drift = np.abs(own - values[name, 0.0]).mean()
        row = (f"{share:.1%}", per_block(spec, share), accuracy(own, levels))
        rows.append((name, *row, agreement, f"{drift:.4f}"))
    head = ("keys", "patches merged", "per block", "accuracy", "equal decisions", "mean drift")
    return f"{pictures} pictures.\n\n{table(head, rows)}"


@torch.inference_mode()
def speed_table(checkpoint: Checkpoint, rounds: int) -> str:
    """Speed of the module with and without merging, and of the engine."""
    spec, precision = required_spec(checkpoint), fast_float()
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (1, *spec.image_size, 3), dtype=np.uint8)
    engine = OpenVINOEngine.from_checkpoint(checkpoint, precision, threads=1)
    contenders = {ENGINE: processor_time(partial(engine.infer, image))}
    works = {ENGINE: 1.0}
    for share in SHARES:
        merged = per_block(spec, share)
        name = f"torch, {merged} per block ({share:.1%})"
        model = MergingEva02(checkpoint, merged, dtype)
        contenders[name] = processor_time(partial(model, torch.from_numpy(image)))
        works[name] = work(spec, merged)
    seconds = minima(contenders, rounds)
    plain = list(seconds.values())[1]
    rows = [
        (
            name,
            f"{works[name]:.2f}",
            f"{1000 * own:.0f}",
            f"{plain / own:.2f}",
            f"{seconds[ENGINE] / own:.2f}",
        )
        for name, own in seconds.items()
    ]
    head = ("forward pass", "work", "ms", "times torch without merging", f"times {ENGINE}")
    how = f"{machine()}, one used; {precision}, minima of {rounds} interleaved runs."
    return f"{how}\n\n{table(head, rows)}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print both tables."""
    parser = experiment_parser(__doc__, pictures=2000, rounds=5)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    with full_size(options.speed) as speed:
        print(speed_table(Checkpoint.load(speed), options.rounds))
    print("\n" + accuracy_table(Checkpoint.load(options.checkpoint), options.pictures))


if __name__ == "__main__":
    main()
