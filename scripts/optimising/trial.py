"""The candidates, and what each takes and gives."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nsfw_detector.checkpoint import Checkpoint
from nsfw_detector.engines.cpu import fast_float
from nsfw_detector.engines.openvino_engine import OpenVINOEngine
from nsfw_detector.engines.optimised import Candidate


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


def _resident() -> int:
    """Anonymous memory of this process in kB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1])
    return 0
