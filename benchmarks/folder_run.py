"""What `scripts/score_folder.py` loses against the bare engine, and its memory over the run.

In turns, within one process: a share of a folder of mixed images through the code of that script,
rows written to disk and all, and as many pictures that lie ready through the engine alone. Writes
folder_run.csv, folder_run_memory.csv and folder_run.png. Leave the machine alone meanwhile.

Example:
    python -m benchmarks.folder_run --images 1000 --rounds 5
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks import machine, mixed_images, results
from benchmarks.forms import SHORT
from benchmarks.full_size import HELP, full_size
from benchmarks.results import Row
from benchmarks.worker import memory_mb
from nsfw_detector import Detector, Settings
from nsfw_detector.checkpoint import Checkpoint
from nsfw_detector.engines import Engine, create_engine
from nsfw_detector.engines.cpu import fast_float
from scripts.command import whole_number
from scripts.folder_run.results_folder import ResultsFolder
from scripts.folder_run.scoring import score_input
from scripts.folder_run.shard import Shard
from scripts.inputs import open_input
from scripts.paths import SAMPLES

SAMPLE_SECONDS = 0.25
FOLDER, BARE = "folder", "bare engine"


class Memory:
    """Notes the memory of this process over time, and what it was doing."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.doing = ""

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Take a sample every quarter of a second."""
        done = threading.Event()
        started = time.perf_counter()

        def sample() -> None:
            while not done.wait(SAMPLE_SECONDS):
                _, now = memory_mb()
                seconds = round(time.perf_counter() - started, 2)
                self.rows.append({"seconds": seconds, "doing": self.doing, "rss_mb": round(now, 1)})

        thread = threading.Thread(target=sample)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


def measure(
    checkpoint: Path, photos: Sequence[Path], images: int, rounds: int
) -> tuple[list[Row], list[Row]]:
    """Returns the rows of each round, and the memory over time."""
    loaded = Checkpoint.load(checkpoint)
    settings = Settings(precision=fast_float())
    engine = create_engine(loaded, settings)
    _, height, width = loaded.config.pretrained_cfg.input_size
    pictures = np.random.default_rng(0).integers(
        0, 256, (engine.max_batch_size, height, width, 3), dtype=np.uint8
    )
    memory = Memory()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as name:
        files, out = Path(name) / "files", Path(name) / "out"
        files.mkdir()
        mixed_images.make(files, photos, images)
        out.mkdir()
        source = open_input(str(files), out)
        with closing(Detector(loaded, engine, settings)) as detector:
            _bare(engine, pictures, 2)
            detector.detect([photos[0]])
            with memory.watched():
                for number in range(1, rounds + 1):
                    memory.doing = FOLDER
                    with closing(ResultsFolder(out / str(number))) as folder:
                        run = score_input(detector, source, folder, shard=Shard(number, rounds))
                    memory.doing = BARE
                    bare = _bare(engine, pictures, run.images)
                    rows.append(
                        {
                            "round": number,
                            "images": run.images,
                            "folder_images_per_s": round(run.images_per_second, 3),
                            "bare_images_per_s": round(bare, 3),
                            "share_of_bare": round(run.images_per_second / bare, 4),
                        }
                    )
    return rows, memory.rows


def _bare(engine: Engine, pictures: np.ndarray, count: int) -> float:
    """Images per second of the engine alone."""
    started = time.perf_counter()
    done = 0
    while done < count:
        engine.infer(pictures)
        done += len(pictures)
    return done / (time.perf_counter() - started)


def draw(path: Path, rows: Sequence[Row], memory: Sequence[Row]) -> None:
    """Draw images per second of each round, and memory over time."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (rates, rss) = pyplot.subplots(1, 2, figsize=(11, 4), layout="constrained")
    numbers = [row["round"] for row in rows]
    rates.plot(numbers, [row["bare_images_per_s"] for row in rows], "o-", c="#b0b7bf", label=BARE)
    rates.plot(
        numbers, [row["folder_images_per_s"] for row in rows], "o-", c="#1f6fb4", label=FOLDER
    )
    rates.set_ylim(bottom=0)
    rates.set_xticks(numbers)
    rates.set_xlabel("round")
    rates.set_title("Images per second")
    rates.legend(frameon=False)
    for doing, colour in ((FOLDER, "#1f6fb4"), (BARE, "#b0b7bf")):
        at = [row for row in memory if row["doing"] == doing]
        rss.plot([row["seconds"] for row in at], [row["rss_mb"] for row in at], ".", ms=2, c=colour)
    rss.set_ylim(bottom=0)
    rss.set_xlabel("seconds")
    rss.set_title("Resident memory, MB")
    for axis in (rates, rss):
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)


def run(checkpoint: Path, photos: Sequence[Path], images: int, rounds: int, out: Path) -> None:
    """Measure, print the table, and write all into a folder."""
    load_before, _, _ = os.getloadavg()
    rows, memory = measure(checkpoint, photos, images, rounds)
    print(results.text(rows))
    results.write(out / "folder_run.csv", rows)
    results.write(out / "folder_run_memory.csv", memory)
    draw(out / "folder_run.png", rows, memory)
    form = replace(SHORT, name=f"{images} images, {rounds} rounds")
    machine.record(out / "machine.json", "folder_run", form, load_before)


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=whole_number(1), default=1000, help="files (default 1000)")
    parser.add_argument("--rounds", type=whole_number(1), default=5, help="turns (default 5)")
    parser.add_argument("--checkpoint", type=Path, help=HELP)
    parser.add_argument("--out", type=Path, default=results.FOLDER, help="default: %(default)s")
    options = parser.parse_args()
    photos = sorted(SAMPLES.glob("*.jpg"))
    with full_size(options.checkpoint) as checkpoint:
        run(checkpoint, photos, options.images, options.rounds, options.out)


if __name__ == "__main__":
    main()
