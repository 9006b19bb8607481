"""One measurement of `benchmarks.gpu`, in a process of its own, printed as JSON.

Started by `benchmarks.gpu`; ``python -m benchmarks.gpu_worker NAME CHECKPOINT PHOTOS`` is its
command line.
"""

from __future__ import annotations

import json
import logging
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from nsfw_detector import Detection, Detector, Settings
from nsfw_detector.checkpoint import Checkpoint
from nsfw_detector.engines.cuda_engine import BUCKETS, DTYPES, CudaEngine, Precision
from nsfw_detector.engines.cuda_graphs import Forward
from nsfw_detector.engines.eva02_module import Eva02
from nsfw_detector.engines.gpu import best_precision
from nsfw_detector.images import ImageLimits, decode
from nsfw_detector.threads import usable_cores
from nsfw_detector.transform import Transform

WARM_UP_SECONDS = 0.5
"""Long enough for the clocks of an idle GPU to come up."""
MATRIX = 8192


@dataclass(frozen=True, slots=True)
class Task:
    """What to measure on, and how long.

    Attributes:
        checkpoint: The model.
        precision: Arithmetic.
        photos: Encoded images.
        device: ``"cuda"``; the tests have ``"cpu"``.
        rounds: Timed runs per batch size.
        images: Images per run from end to end.
    """

    checkpoint: Checkpoint
    precision: Precision
    photos: list[bytes]
    device: str = "cuda"
    rounds: int = 30
    images: int = 4000


@dataclass(slots=True)
class Measured:
    """What came out.

    Attributes:
        ready_at: Unix time at which the first batch could be scored.
        seconds: What was timed -> batch size -> median seconds per batch.
        rates: What was timed -> units per second.
        peak_mb: Most GPU memory that torch had reserved; the CUDA context comes on top.
    """

    ready_at: float = 0.0
    seconds: dict[str, dict[int, float]] = field(default_factory=dict)
    rates: dict[str, float] = field(default_factory=dict)
    peak_mb: float = 0.0


def engine(task: Task) -> Measured:
    """The engine: its graphs alone, and with the copies to the GPU and back."""
    engine = CudaEngine(task.checkpoint, task.precision, task.device)
    measured = Measured(ready_at=time.time())
    images = _noise(task)
    # In this order, because the first leaves noise in the buffer on the GPU: on the zeros of a new
    # buffer products can run faster than on anything real.
    measured.seconds["engine, with copies"] = {
        size: _median_wall(partial(engine.infer, images[:size]), task) for size in BUCKETS
    }
    with torch.inference_mode():
        measured.seconds["engine"] = {size: _median(engine.runs[size], task) for size in BUCKETS}
    return measured


def eager(task: Task) -> Measured:
    """The same module as it is, and the rate of one large matrix product as the limit."""
    measured = _module(task, "eager", lambda model: model)
    matrix = torch.randn(MATRIX, MATRIX, device=task.device, dtype=DTYPES[task.precision])
    seconds = _median(lambda: matrix @ matrix, task)
    measured.rates["matrix product, TFLOP/s"] = 2 * MATRIX**3 / seconds / 1e12
    return measured


def compiled(task: Task) -> Measured:
    """The same module under torch.compile's defaults, without graphs."""
    return _module(
        task, "torch.compile", lambda model: torch.compile(model, fullgraph=True, dynamic=False)
    )


def autotuned(task: Task) -> Measured:
    """The same with kernels searched for: what the engine leaves out for the sake of its start."""
    mode = "max-autotune-no-cudagraphs"
    return _module(
        task,
        f"torch.compile {mode}",
        lambda model: torch.compile(model, fullgraph=True, dynamic=False, mode=mode),
        sizes=BUCKETS[-1:],
    )


def end_to_end(task: Task) -> Measured:
    """Encoded images to detections through `Detector`, and its two halves by themselves."""
    engine = CudaEngine(task.checkpoint, task.precision, task.device)
    detector = Detector(task.checkpoint, engine, Settings())
    measured = Measured(ready_at=time.time())
    transform, limits = Transform(task.checkpoint.config.preprocess), _limits(detector.settings)

    def decode_only(data: bytes) -> None:
        transform(decode(data, limits).frames[0].image)

    def detect(data: bytes) -> None:
        (result,) = detector.detect([data])
        if not isinstance(result, Detection):
            raise result

    photos = [task.photos[i % len(task.photos)] for i in range(task.images)]
    cores, largest = usable_cores(), engine.max_batch_size
    # One batch on the GPU, one waiting for it, and every core busy decoding the next.
    measured.rates["end to end"] = _rate(detect, photos, cores + 2 * largest)
    measured.rates["decoding alone"] = _rate(decode_only, photos, cores)
    seconds = _median_wall(partial(engine.infer, _noise(task)), task)
    measured.rates["engine alone"] = largest / seconds
    detector.close()
    return measured


MEASUREMENTS: dict[str, Callable[[Task], Measured]] = {
    "engine": engine,
    "eager": eager,
    "compiled": compiled,
    "autotuned": autotuned,
    "end_to_end": end_to_end,
}


def measure(name: str, task: Task) -> Measured:
    """Make one of the measurements."""
    measured = MEASUREMENTS[name](task)
    if task.device == "cuda":
        measured.peak_mb = torch.cuda.max_memory_reserved() / 1e6
    return measured


def _module(
    task: Task,
    label: str,
    prepare: Callable[[Forward], Forward],
    sizes: Iterable[int] = BUCKETS,
) -> Measured:
    checkpoint = task.checkpoint
    assert checkpoint.spec is not None
    dtype = DTYPES[task.precision]
    module = Eva02(checkpoint.spec, checkpoint.tensors, checkpoint.config.preprocess, dtype)
    module.to(task.device)
    images = torch.from_numpy(_noise(task)).to(task.device)
    measured = Measured()
    with torch.inference_mode():
        run = prepare(lambda images: torch.cat(module(images), dim=1))  # as the engine has it
        for size in sizes:
            run(images[:size])
        measured.ready_at = time.time()
        measured.seconds[label] = {
            size: _median(partial(run, images[:size]), task) for size in sizes
        }
    return measured


def _noise(task: Task) -> NDArray[np.uint8]:
    preprocess = task.checkpoint.config.preprocess
    shape = (BUCKETS[-1], preprocess.height, preprocess.width, 3)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def _limits(settings: Settings) -> ImageLimits:
    return ImageLimits(
        max_bytes=settings.max_image_bytes,
        max_pixels=settings.max_image_pixels,
        max_frames=settings.max_frames,
    )


def _median(run: Callable[[], object], task: Task) -> float:
    """Median seconds of a run, by the GPU's own clock."""
    if task.device == "cpu":
        return _median_wall(run, task)
    _warm_up(run, task)
    marks = [
        (torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True))
        for _ in range(task.rounds)
    ]
    for start, end in marks:
        start.record()
        run()
        end.record()
    torch.cuda.synchronize()
    milliseconds: list[float] = [start.elapsed_time(end) for start, end in marks]
    return statistics.median(milliseconds) / 1000


def _median_wall(run: Callable[[], object], task: Task) -> float:
    """Median seconds of a run that returns when its result is there."""
    _warm_up(run, task)
    seconds = []
    for _ in range(task.rounds):
        started = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def _warm_up(run: Callable[[], object], task: Task) -> None:
    until = time.perf_counter() + WARM_UP_SECONDS
    while True:
        run()
        if task.device == "cuda":
            torch.cuda.synchronize()
        if time.perf_counter() > until:
            return


def _rate(function: Callable[[bytes], None], items: list[bytes], threads: int) -> float:
    """Items per second of a pool of threads."""
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(function, items[: 2 * threads]))
        started = time.perf_counter()
        list(pool.map(function, items))
        return len(items) / (time.perf_counter() - started)


def main() -> None:
    """Measure and print."""
    answers, sys.stdout = sys.stdout, sys.stderr  # libraries may print; the answer stays clean
    logging.basicConfig(level=logging.INFO, format="  %(message)s")
    name, checkpoint, photos = sys.argv[1:]
    files = sorted(Path(photos).glob("*.jpg"))
    task = Task(
        Checkpoint.load(Path(checkpoint)), best_precision(), [file.read_bytes() for file in files]
    )
    print(json.dumps(asdict(measure(name, task))), file=answers)


if __name__ == "__main__":
    main()
