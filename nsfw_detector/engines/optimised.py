"""The engine that `scripts/optimise.py` chose for a checkpoint, kept beside its weights.

It lies in the folder `optimised/` of the checkpoint: `manifest.json`, and `graph.xml` with
`graph.bin` if the engine needs a graph of its own. It is used only for the weights, the OpenVINO
version and the instruction set that it was measured on; otherwise it is ignored, and the log says
why.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Literal

import openvino as ov
from pydantic import BaseModel, ConfigDict, ValidationError

from nsfw_detector.checkpoint import Checkpoint
from nsfw_detector.engines.cpu import instruction_set

FOLDER = "optimised"
MANIFEST = "manifest.json"
GRAPH = "graph.xml"
Candidate = Literal["fp32", "bf16", "int8", "int8-static"]

logger = logging.getLogger(__name__)


class Manifest(BaseModel):
    """What was chosen, for what, and what it was found to cost and to change."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    checkpoint_sha256: str
    """SHA-256 of the weights that it was measured with."""

    openvino: str
    """Version of OpenVINO that it was measured with."""

    instruction_set: str
    """Fastest matrix instructions of the CPU that it was measured on."""

    engine: Candidate
    """What is to be used."""

    images: int
    """Number of the user's images behind the figures."""

    speedup: float
    """Times as fast as fp32."""

    largest_drift: float
    """Largest change of any probability against fp32."""

    decision_changes: int
    """Images that the policy would have decided otherwise."""

    decision_changes_bound: float
    """Upper end of the 95 % confidence interval of their share."""


def find_optimised(checkpoint: Checkpoint) -> Manifest | None:
    """The manifest that holds for this checkpoint on this machine, if there is one."""
    path = checkpoint.folder / FOLDER / MANIFEST
    if not path.is_file():
        return None
    try:
        manifest = Manifest.model_validate_json(path.read_bytes())
    except ValidationError as error:
        logger.warning("Optimised engine ignored: %s is not valid (%s)", path, error)
        return None
    here = {
        "checkpoint_sha256": checkpoint.sha256,
        "openvino": ov.get_version(),
        "instruction_set": instruction_set(),
    }
    for name, value in here.items():
        if getattr(manifest, name) != value:
            logger.warning(
                "Optimised engine ignored: it was made for %s %s, here it is %s. "
                "Run scripts/optimise.py again.",
                name,
                getattr(manifest, name),
                value,
            )
            return None
    return manifest


def graph_path(checkpoint_folder: Path) -> Path:
    """Where the graph of an optimised engine lies."""
    return checkpoint_folder / FOLDER / GRAPH
