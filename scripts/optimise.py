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
import shutil
import sys
from pathlib import Path

import openvino as ov
from tqdm import tqdm

from nsfw_detector.checkpoint import Checkpoint
from nsfw_detector.engines.cpu import instruction_set
from nsfw_detector.engines.optimised import FOLDER, MANIFEST, Manifest, graph_path
from nsfw_detector.errors import DetectorError
from nsfw_detector.policy import DEFAULT_POLICY, Policy
from nsfw_detector.threads import inference_threads
from scripts.command import new_parser, number, whole_number
from scripts.optimising.calibration import model_inputs, quantise
from scripts.optimising.report import plot, print_table
from scripts.optimising.trial import load_trials
from scripts.optimising.verdict import REFERENCE, choose, judge


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
