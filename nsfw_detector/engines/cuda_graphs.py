"""A function compiled for each batch size, recorded as a CUDA graph, and replayed.

Compiling fuses what lies between the matrix products (norms, rotary positions, SwiGLU). A graph
launches all kernels at once; one by one, at small batches, launching them takes the host longer
than running them takes the GPU. Compiled code lies in torch's cache: `TORCHINDUCTOR_CACHE_DIR`
names a folder that outlives the process.

Why not `torch.compile(mode="reduce-overhead")`, which records graphs by itself: its graphs belong
to the thread that made them, while engines are loaded in one thread and called from another, and it
checks its inputs at every call. Why not `"max-autotune-no-cudagraphs"`: its search takes minutes of
every first start, and for products of this size little is to be expected over cuBLAS;
`python -m benchmarks.gpu --autotune` measures what it brings.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, TypeAlias

import torch
import torch._dynamo
from torch import Tensor

logger = logging.getLogger(__name__)

Forward: TypeAlias = Callable[[Tensor], Tensor]
Run: TypeAlias = Callable[[], Tensor]
"""Runs the function on its fixed input and gives its fixed output, both overwritten by the next."""

# Each batch size is a specialisation of its own. By default torch makes no more than 8 of one
# function, which two models in a process would exceed.
SPECIALISATIONS = 64
WARM_UPS = 3
MESSAGE_LENGTH = 300


def record(forward: Forward, images: Tensor, sizes: Iterable[int]) -> dict[int, Run]:
    """Compile and record `forward` for every batch size.

    Args:
        forward: From images to one output tensor.
        images: The input buffer on the GPU, as long as the largest size. A graph of size n reads
            its first n images.
        sizes: Batch sizes.

    Returns:
        Batch size -> what runs it, in ascending order.
    """
    # The largest first, so that the others find room in its memory. All share it: they run one
    # after the other, and each result is fetched before the next run.
    order = sorted(sizes, reverse=True)
    pool, stream = torch.cuda.graph_pool_handle(), torch.cuda.Stream()
    logger.info("Compiling for batch sizes %s: minutes where nothing is cached", order)
    started = time.perf_counter()
    runs = {}
    with torch._dynamo.config.patch(recompile_limit=SPECIALISATIONS):
        forward = compiled(forward, images[: order[0]])
        for done, size in enumerate(order, start=1):
            runs[size] = _record(forward, images[:size], pool, stream)
            seconds = time.perf_counter() - started
            logger.info(
                "Batch size %d ready: %d of %d, after %.1f s", size, done, len(order), seconds
            )
    return dict(sorted(runs.items()))


def compiled(forward: Forward, images: Tensor) -> Forward:
    """`forward` compiled, or as it is where this machine cannot compile.

    Args:
        forward: The function.
        images: An input to try it on: torch compiles at the first call.
    """
    candidate: Forward = torch.compile(forward, fullgraph=True, dynamic=False)
    try:
        candidate(images)
    except Exception as error:  # of whatever kind: if it was not the compiler's, it comes again
        logger.warning(
            "torch.compile does not work here (%s: %s). Going on without it, slower. It needs "
            "Triton and a C compiler (gcc) in the image.",
            type(error).__name__,
            " ".join(str(error).split())[:MESSAGE_LENGTH],
        )
        return forward
    return candidate


def _record(forward: Forward, images: Tensor, pool: Any, stream: torch.cuda.Stream) -> Run:
    # What is chosen and allocated in the first calls must not be so during the recording.
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM_UPS):
            forward(images)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, pool=pool, stream=stream):
        output = forward(images)
    return partial(_replay, graph, output)


def _replay(graph: torch.cuda.CUDAGraph, output: Tensor) -> Tensor:
    graph.replay()
    return output
