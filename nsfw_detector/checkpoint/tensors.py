"""Read a safetensors file by memory map, trusting nothing that it says of itself."""

from __future__ import annotations

import hashlib
import json
import mmap
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from nsfw_detector.errors import CheckpointError

# numpy has no bfloat16: its bits are kept as uint16, the upper half of the float32 of equal value.
STORAGE: dict[str, np.dtype[Any]] = {
    "BF16": np.dtype("<u2"),
    "F16": np.dtype("<f2"),
    "F32": np.dtype("<f4"),
}
BF16_EXPONENT = np.uint16(0x7F80)


class TensorFile:
    """The tensors of one safetensors file, mapped into memory and read on demand.

    The library checks the layout when it opens the file (header inside the file, no holes, no
    overlap, sizes equal to shape x dtype); what it lets through is checked here: duplicate names,
    and dtypes other than bf16, fp16 and fp32.

    Attributes:
        path: The file.
        shapes: Tensor name -> shape.

    Raises:
        CheckpointError: The file is missing, damaged or not safetensors.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with safe_open(path, framework="numpy"):
                pass
            self._map: NDArray[np.uint8] = np.memmap(path, dtype=np.uint8, mode="r")
        except (SafetensorError, OSError) as error:
            raise CheckpointError(
                f"{path} cannot be read as safetensors: {error}. "
                "Fetch the file again and compare its size and SHA-256 with the published ones."
            ) from None
        header_length = int.from_bytes(self._map[:8].tobytes(), "little")
        self._data_start = 8 + header_length
        self._entries = self._parse_header(self._map[8 : self._data_start].tobytes())
        self.shapes = {name: tuple(entry["shape"]) for name, entry in self._entries.items()}

    def _parse_header(self, header: bytes) -> dict[str, dict[str, Any]]:
        def refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
            content = dict(pairs)
            if len(content) != len(pairs):
                names = [name for name, _ in pairs]
                twice = sorted({name for name in names if names.count(name) > 1})
                raise CheckpointError(
                    f"{self.path}: the header names {', '.join(twice)} more than once, so that two "
                    "readers may load different weights. Do not use this file."
                )
            return content

        entries: dict[str, dict[str, Any]] = json.loads(header, object_pairs_hook=refuse_duplicates)
        entries.pop("__metadata__", None)
        for name, entry in entries.items():
            if entry["dtype"] not in STORAGE:
                raise CheckpointError(
                    f"{self.path}: tensor {name} is {entry['dtype']}; "
                    f"supported are {', '.join(STORAGE)}."
                )
        return entries

    def dtype(self, name: str) -> str:
        """Dtype of a tensor as the file names it: ``"BF16"``, ``"F16"`` or ``"F32"``."""
        return str(self._entries[name]["dtype"])

    def raw(self, name: str) -> NDArray[Any]:
        """The tensor as stored, a read-only view of the map; bf16 comes as uint16 bits."""
        entry = self._entries[name]
        start, end = (self._data_start + offset for offset in entry["data_offsets"])
        values: NDArray[Any] = self._map[start:end].view(STORAGE[entry["dtype"]])
        return values.reshape(entry["shape"])

    def float32(self, name: str) -> NDArray[np.float32]:
        """The tensor as float32; exact, because all supported dtypes are subsets of it."""
        raw = self.raw(name)
        if self.dtype(name) == "BF16":
            return (raw.astype(np.uint32) << np.uint32(16)).view(np.float32)
        return raw.astype(np.float32)

    def is_finite(self, name: str) -> bool:
        """Whether the tensor holds no NaN and no infinity."""
        raw = self.raw(name)
        if self.dtype(name) == "BF16":
            return not bool(((raw & BF16_EXPONENT) == BF16_EXPONENT).any())
        return bool(np.isfinite(raw).all())

    def release(self) -> None:
        """Let the operating system take back the memory of what was read; it stays readable."""
        mapped: mmap.mmap = self._map._mmap  # type: ignore[attr-defined]
        mapped.madvise(mmap.MADV_DONTNEED)

    def sha256(self) -> str:
        """SHA-256 of the whole file, 64 hex digits."""
        return hashlib.sha256(self._map.data).hexdigest()
