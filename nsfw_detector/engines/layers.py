"""Whether a checkpoint has the layers that the settings ask for."""

from __future__ import annotations

from collections.abc import Sequence

from nsfw_detector.checkpoint import Checkpoint
from nsfw_detector.errors import SettingsError


def check_layers(checkpoint: Checkpoint, layers: Sequence[int]) -> None:
    """Check the setting `EMBEDDING_LAYERS`.

    Args:
        checkpoint: The model.
        layers: Its blocks that are asked for.

    Raises:
        SettingsError: The model has no such block, or is no EVA-02.
    """
    if not layers:
        return
    spec = checkpoint.spec
    if spec is None:
        raise SettingsError(
            f"EMBEDDING_LAYERS is for EVA-02, not {checkpoint.config.architecture}. Unset it."
        )
    wrong = [layer for layer in layers if layer not in range(spec.depth)]
    if wrong:
        raise SettingsError(
            f"EMBEDDING_LAYERS: this checkpoint has the blocks 0 to {spec.depth - 1}, "
            f"and no block {wrong[0]}."
        )
