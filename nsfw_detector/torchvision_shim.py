"""Lets torchvision be imported beside a CPU-only torch, for timm and transformers.

torchvision's wheel from the public index is built for CUDA. Beside a CPU-only torch its compiled
part does not load, and its Python part then fails to import, because it registers something for
two operators of the compiled part, which do not exist. Neither is ever called by an image
classifier, so declaring them is enough.
"""

from __future__ import annotations

_OPERATORS = ("nms", "qnms")
_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def ensure_importable() -> None:
    """Import torchvision, declaring its missing operators first where that is what it lacks.

    To be called before timm or transformers is imported; calling it again does nothing.

    Raises:
        ImportError: torch or torchvision is not installed.
    """
    from torch import library

    try:
        import torchvision
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
        for operator in _OPERATORS:
            library.define(f"torchvision::{operator}", _SCHEMA)
        import torchvision  # noqa: F401
