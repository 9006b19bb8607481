"""Images per second on a GPU: by batch size on tensors, and from JPEG files to decisions.

Example:
    python -m benchmarks.gpu --out out/gpu
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.full_size import HELP, full_size
from nsfw_detector.checkpoint import Checkpoint
from nsfw_detector.engines.cpu import CPUINFO
from nsfw_detector.engines.gpu import best_precision, why_no_cuda
from nsfw_detector.threads import usable_cores
from scripts.paths import ROOT, SAMPLES

DRIVER = Path("/proc/driver/nvidia/version")
COLUMNS = ("what", "batch_size", "ms", "images_per_s", "tflop_per_s")
# The engine first, on an empty cache: its start then takes what a first start takes.
STARTS = {
    "first start": "engine",
    "later start": "engine",
    "torch.compile": "compiled",
    "eager": "eager",
}

Result = dict[str, Any]


def start(name: str, checkpoint: Path, photos: Path, cache: Path) -> Result:
    """Make one measurement in a process of its own.

    Returns:
        The fields of `gpu_worker.Measured`, and `start_s`: seconds from the start of the process
        until a batch could be scored.
    """
    command = [sys.executable, "-m", "benchmarks.gpu_worker", name, str(checkpoint), str(photos)]
    environment = {**os.environ, "TORCHINDUCTOR_CACHE_DIR": str(cache)}
    started = time.time()
    done = subprocess.run(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    result: Result = json.loads(done.stdout)
    return {**result, "start_s": result["ready_at"] - started}


def rows(result: Result, flops: int) -> list[dict[str, object]]:
    """What was timed per batch size, as rows of the table."""
    return [
        dict(
            zip(
                COLUMNS,
                (
                    what,
                    size,
                    round(seconds * 1000, 3),
                    round(int(size) / seconds, 1),
                    round(int(size) * flops / seconds / 1e12, 1),
                ),
                strict=True,
            )
        )
        for what, sizes in result["seconds"].items()
        for size, seconds in sizes.items()
    ]


def bottleneck(rates: dict[str, float]) -> str:
    """Name what limits the way from files to decisions."""
    halves = {name: rate for name, rate in rates.items() if name.endswith(" alone")}
    slower = min(halves, key=halves.__getitem__)
    share = rates["end to end"] / halves[slower]
    limit = slower.removesuffix(" alone")
    return f"The bottleneck is the {limit}; end to end reaches {share:.0%} of its rate alone."


def machine() -> list[str]:
    """What this was measured on."""
    import torch

    gpu = torch.cuda.get_device_properties(0)
    driver = DRIVER.read_text().splitlines()[0] if DRIVER.exists() else "unknown"
    processors = [line for line in CPUINFO.read_text().splitlines() if "model name" in line]
    processor = processors[0].partition(": ")[2] if processors else platform.machine()
    return [
        f"GPU: {gpu.name}, compute capability {gpu.major}.{gpu.minor}, "
        f"{gpu.multi_processor_count} multiprocessors, {gpu.total_memory / 1e9:.0f} GB",
        f"driver: {driver}",
        f"CPU: {processor}, {usable_cores()} cores",
        f"Python {platform.python_version()}, torch {torch.__version__}, "
        f"CUDA {torch.version.cuda}, arithmetic {best_precision()}",
    ]


def report(checkpoint: Path, photos: Path, autotune: bool) -> tuple[str, list[dict[str, object]]]:
    """Measure everything; the text to read, and the rows of the table."""
    spec = Checkpoint.load(checkpoint).spec
    assert spec is not None
    lines, table = machine(), []
    starts = {**STARTS, **({"autotuned": "autotuned"} if autotune else {})}
    with tempfile.TemporaryDirectory() as cache:
        for label, name in starts.items():
            print(f"{label} ...", file=sys.stderr)
            result = start(name, checkpoint, photos, Path(cache))
            if label != "first start":
                table += rows(result, spec.flops)
            lines.append(
                f"{label}: ready after {result['start_s']:.1f} s, "
                f"peak GPU memory {result['peak_mb']:.0f} MB"
            )
            lines += [f"{what}: {rate:.0f}" for what, rate in result["rates"].items()]
        print("end to end ...", file=sys.stderr)
        rates = start("end_to_end", checkpoint, photos, Path(cache))["rates"]
    sizes = [file.stat().st_size for file in photos.glob("*.jpg")]
    lines.append(f"end to end, {len(sizes)} JPEG files of {sum(sizes) / len(sizes) / 1000:.0f} kB:")
    lines += [f"{what}: {rate:.0f} images/s" for what, rate in rates.items()]
    return "\n".join([*lines, bottleneck(rates)]), table


def main() -> None:
    """Measure and print; with --out also write gpu.csv and gpu.txt."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").split("\n\n")[0],
        epilog="example: python -m benchmarks.gpu --out out/gpu",
    )
    parser.add_argument("--checkpoint", type=Path, help=HELP)
    parser.add_argument("--photos", type=Path, default=SAMPLES, help="folder of *.jpg")
    parser.add_argument("--out", type=Path, help="folder to write gpu.csv and gpu.txt to")
    parser.add_argument("--autotune", action="store_true", help="also max-autotune (minutes)")
    arguments = parser.parse_args()
    if (problem := why_no_cuda()) is not None:
        print(f"Nothing measured: {problem}.")
        return
    if not any(arguments.photos.glob("*.jpg")):
        parser.error(f"no *.jpg in {arguments.photos}")
    with full_size(arguments.checkpoint) as checkpoint:
        text, table = report(checkpoint, arguments.photos, arguments.autotune)
    print(text)
    writer = csv.DictWriter(sys.stdout, COLUMNS, delimiter="\t")
    writer.writeheader()
    writer.writerows(table)
    if arguments.out:
        arguments.out.mkdir(parents=True, exist_ok=True)
        (arguments.out / "gpu.txt").write_text(f"{text}\n")
        with (arguments.out / "gpu.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(table)


if __name__ == "__main__":
    main()
