"""Choose the fastest engine for a checkpoint that decides on your own images as fp32 does.

Builds every candidate, runs all of them over the images in turn, and prints speed, memory, drift of
the probabilities, and changes of level and decision against fp32. int8 is chosen only if the share
of changed decisions is, with 95 % confidence, within the tolerance; that takes 299 images without a
single change for the default of 1 %. The choice is written into the checkpoint's folder
`optimised/`, where score.py finds it; it holds for these weights and this kind of CPU alone.

Needs the development environment (nncf, matplotlib).

Example:
    python -m scripts.optimise models/demo samples
"""

from __future__ import annotations

import argparse
import logging
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from scipy.stats import binomtest
from tqdm import tqdm

from nsfw_detector.checkpoint import Checkpoint
from nsfw_detector.engines.cpu import fast_float, instruction_set
from nsfw_detector.engines.openvino_engine import OpenVINOEngine, required_spec
from nsfw_detector.engines.openvino_graph import HEAD, PATCH_EMBED, GraphBuilder
from nsfw_detector.engines.optimised import FOLDER, MANIFEST, Candidate, Manifest, graph_path
from nsfw_detector.errors import DetectorError
from nsfw_detector.images import ImageLimits, decode
from nsfw_detector.levels import at_least, probabilities
from nsfw_detector.policy import DEFAULT_POLICY, Policy
from nsfw_detector.settings import Settings
from nsfw_detector.threads import inference_threads
from nsfw_detector.transform import Transform
from scripts.command import new_parser, number, whole_number

REFERENCE: Candidate = "fp32"
CONFIDENCE = 0.95
COLUMNS = ("engine", "ms", "times fp32", "MB", "drift", "levels", "decisions", "at most", "chosen")


@dataclass
class Trial:
    """A candidate, and what came of it.

    Attributes:
        engine: Ready to run.
        megabytes: Memory that it holds.
        seconds: Of each image.
        logits: Of each image, (classes,).
    """

    engine: OpenVINOEngine
    megabytes: float
    seconds: list[float] = field(default_factory=list)
    logits: list[NDArray[np.float32]] = field(default_factory=list)

    def run(self, image: NDArray[np.uint8]) -> None:
        """Run the candidate over one model input and note what it took and gave."""
        started = time.perf_counter()
        output = self.engine.infer(image[None])
        self.seconds.append(time.perf_counter() - started)
        self.logits.append(output.logits[0])


@dataclass(frozen=True)
class Verdict:
    """A candidate beside fp32, over the same images.

    Attributes:
        milliseconds: Median over the images.
        speedup: Median of the ratios image by image.
        megabytes: Memory that it holds.
        drift: Largest change of any probability.
        level_changes: Images that are called by another level.
        decision_changes: Images that the policy decides otherwise.
        decision_changes_bound: Upper end of the confidence interval of their share.
    """

    milliseconds: float
    speedup: float
    megabytes: float
    drift: float
    level_changes: int
    decision_changes: int
    decision_changes_bound: float


def model_inputs(checkpoint: Checkpoint, folder: Path, most: int) -> Iterator[NDArray[np.uint8]]:
    """Decode the folder's images, sub-folders too; what is no image is left out."""
    transform = Transform(checkpoint.config.preprocess)
    defaults = Settings()
    limits = ImageLimits(defaults.max_image_bytes, defaults.max_image_pixels, max_frames=1)
    found = 0
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        try:
            frame = decode(path.read_bytes(), limits, transform.enough).frames[0]
        except DetectorError:
            continue
        yield transform(frame.image)
        found += 1
        if found == most:
            return


def quantise(checkpoint: Checkpoint, images: Sequence[NDArray[np.uint8]], path: Path) -> None:
    """Write a graph with static int8 (SmoothQuant, calibrated on the images)."""
    import nncf

    nncf.set_log_level(logging.WARNING)
    spec = required_spec(checkpoint)
    model = GraphBuilder(spec, checkpoint.tensors, checkpoint.config.preprocess).build()
    quantised = nncf.quantize(
        model,
        nncf.Dataset([image[None] for image in images]),
        model_type=nncf.ModelType.TRANSFORMER,
        subset_size=len(images),
        ignored_scope=nncf.IgnoredScope(names=[PATCH_EMBED, HEAD]),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    ov.save_model(quantised, path, compress_to_fp16=False)


def load_trials(checkpoint: Checkpoint, graph: Path, threads: int) -> dict[Candidate, Trial]:
    """Build all candidates that this CPU can run well."""
    names: list[Candidate] = ["fp32", "int8", "int8-static"]
    if fast_float() == "bf16":
        names.insert(1, "bf16")
    trials: dict[Candidate, Trial] = {}
    for name in names:
        before = _resident()
        if name == "int8-static":
            engine = OpenVINOEngine.from_graph(graph, name, threads)
        else:
            engine = OpenVINOEngine.from_checkpoint(checkpoint, name, threads)
        _, height, width = checkpoint.config.pretrained_cfg.input_size
        engine.infer(np.zeros((1, height, width, 3), dtype=np.uint8))  # warm up
        trials[name] = Trial(engine, (_resident() - before) / 1000)
    return trials


def judge(trial: Trial, reference: Trial, labels: Sequence[str], policy: Policy) -> Verdict:
    """Compare a candidate with the reference."""
    own, exact = (probabilities(np.stack(t.logits)) for t in (trial, reference))
    verdicts = []
    for scores in (own, exact):
        rows = [dict(zip(labels[1:], row, strict=True)) for row in at_least(scores).tolist()]
        verdicts.append([(policy.level(row, labels[0]), policy.decide(row)) for row in rows])
    pairs = list(zip(*verdicts, strict=True))
    changes = sum(mine[1] != theirs[1] for mine, theirs in pairs)
    interval = binomtest(changes, len(pairs), alternative="less").proportion_ci(CONFIDENCE)
    ratios = np.array(reference.seconds) / np.array(trial.seconds)
    return Verdict(
        milliseconds=float(np.median(trial.seconds)) * 1000,
        speedup=float(np.median(ratios)),
        megabytes=trial.megabytes,
        drift=float(np.abs(own - exact).max()),
        level_changes=sum(mine[0] != theirs[0] for mine, theirs in pairs),
        decision_changes=changes,
        decision_changes_bound=float(interval.high),
    )


def choose(verdicts: dict[Candidate, Verdict], tolerance: float) -> Candidate:
    """The fastest candidate of those that need no gate or pass it."""
    eligible = [
        name
        for name, verdict in verdicts.items()
        if not name.startswith("int8") or verdict.decision_changes_bound <= tolerance
    ]
    return max(eligible, key=lambda name: verdicts[name].speedup)


def print_table(verdicts: dict[Candidate, Verdict], chosen: Candidate) -> None:
    """Print one line per candidate."""
    widths = (12, 8, 12, 7, 10, 8, 11, 9, 8)
    print("".join(f"{title:>{width}}" for title, width in zip(COLUMNS, widths, strict=True)))
    for name, v in verdicts.items():
        cells = (
            name,
            f"{v.milliseconds:.0f}",
            f"{v.speedup:.2f}",
            f"{v.megabytes:.0f}",
            f"{v.drift:.4f}",
            str(v.level_changes),
            str(v.decision_changes),
            f"{v.decision_changes_bound:.2%}",
            "  <--" if name == chosen else "",
        )
        print("".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True)))


def plot(verdicts: dict[Candidate, Verdict], trials: dict[Candidate, Trial], path: Path) -> None:
    """Draw speed, and the drift of every image's probabilities."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = list(verdicts)
    exact = probabilities(np.stack(trials[REFERENCE].logits))
    figure, (speed, drift) = pyplot.subplots(1, 2, figsize=(10, 4), layout="constrained")
    bars = speed.bar(names, [verdicts[name].speedup for name in names], color="tab:blue")
    speed.bar_label(bars, fmt="%.2f")
    speed.set_title("Speed, times fp32")
    others = [name for name in names if name != REFERENCE]
    changes = [np.abs(probabilities(np.stack(trials[n].logits)) - exact).max(1) for n in others]
    drift.boxplot(changes, tick_labels=others, whis=(0, 100))
    drift.set_title("Largest change of a probability, per image")
    drift.set_ylim(bottom=0)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def optimise(arguments: argparse.Namespace) -> None:
    """Measure all candidates and write the choice."""
    checkpoint = Checkpoint.load(arguments.checkpoint)
    labels = checkpoint.config.label_names
    policy = Policy.load(arguments.policy).check_labels(labels)
    images = list(
        tqdm(
            model_inputs(checkpoint, arguments.images, arguments.most),
            desc="decoding",
            unit="image",
        )
    )
    if len(images) < 2:
        raise DetectorError(f"{arguments.images} holds fewer than two readable images.")
    # What calibrates must not also be the judge.
    calibrating = max(1, min(arguments.calibration, len(images) // 4))
    staging = checkpoint.folder / f"{FOLDER}.new"
    shutil.rmtree(staging, ignore_errors=True)
    graph = staging / graph_path(checkpoint.folder).name
    quantise(checkpoint, images[:calibrating], graph)
    trials = load_trials(checkpoint, graph, inference_threads(arguments.threads))
    for image in tqdm(images[calibrating:], desc="measuring", unit="image"):
        for trial in trials.values():
            trial.run(image)
    verdicts = {n: judge(t, trials[REFERENCE], labels, policy) for n, t in trials.items()}
    chosen = choose(verdicts, arguments.tolerance)
    print_table(verdicts, chosen)
    verdict = verdicts[chosen]
    manifest = Manifest(
        checkpoint_sha256=checkpoint.sha256,
        openvino=ov.get_version(),
        instruction_set=instruction_set(),
        engine=chosen,
        images=len(images) - calibrating,
        speedup=round(verdict.speedup, 3),
        largest_drift=round(verdict.drift, 6),
        decision_changes=verdict.decision_changes,
        decision_changes_bound=round(verdict.decision_changes_bound, 6),
    )
    (staging / MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n")
    plot(verdicts, trials, staging / "report.png")
    if chosen != "int8-static":
        for path in (graph, graph.with_suffix(".bin")):
            path.unlink()
    final = checkpoint.folder / FOLDER
    shutil.rmtree(final, ignore_errors=True)
    staging.rename(final)
    print(f"\nWritten: {final} ({chosen}). A picture of the figures: {final / 'report.png'}")
    print(f"To register it with the model: python -m scripts.register_model {checkpoint.folder}")


def _resident() -> int:
    """Anonymous memory of this process in kB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1])
    return 0


def main() -> None:
    """Parse the command line and optimise."""
    parser = new_parser(__doc__, changes=False)
    parser.add_argument("checkpoint", type=Path, help="model folder")
    parser.add_argument("images", type=Path, help="folder with images like those in production")
    parser.add_argument("--policy", type=Path, default=DEFAULT_POLICY, help="policy that decides")
    parser.add_argument(
        "--tolerance",
        type=number(0, 1),
        default=0.01,
        help="largest share of changed decisions that int8 may have (default 0.01)",
    )
    parser.add_argument(
        "--most", type=whole_number(2), default=1000, help="images to use (default 1000)"
    )
    parser.add_argument(
        "--calibration",
        type=whole_number(1),
        default=128,
        help="of these, to calibrate with (default 128)",
    )
    parser.add_argument("--threads", type=whole_number(0), default=0, help="cores (default: all)")
    try:
        optimise(parser.parse_args())
    except DetectorError as error:
        sys.exit(error.message)


if __name__ == "__main__":
    main()
