from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from nsfw_detector.checkpoint import TensorFile
from nsfw_detector.errors import CheckpointError
from tests.checkpoints import random_tensors, tiny_config, write_checkpoint


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_values_come_back_in_every_dtype(tmp_path: Path, dtype: str) -> None:
    written = random_tensors(tiny_config())
    file = TensorFile(write_checkpoint(tmp_path, tiny_config(), dtype=dtype) / "model.safetensors")
    assert file.shapes.keys() == written.keys()
    relative = {"float32": 0.0, "float16": 2**-11, "bfloat16": 2**-8}[dtype]
    for name, values in written.items():
        np.testing.assert_allclose(file.float32(name), values, rtol=relative, atol=1e-6)
        assert file.is_finite(name)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_seen(tmp_path: Path, dtype: str, value: float) -> None:
    tensors = {"w": np.array([1.0, value, 2.0], dtype=np.float32)}
    write_checkpoint(tmp_path, tiny_config(), tensors, dtype)
    assert not TensorFile(tmp_path / "model.safetensors").is_finite("w")


def _file(path: Path, header: str, data: bytes) -> Path:
    raw = header.encode()
    path.write_bytes(len(raw).to_bytes(8, "little") + raw + data)
    return path


def test_duplicate_names_in_the_header_are_refused(tmp_path: Path) -> None:
    entry = json.dumps({"dtype": "F32", "shape": [1], "data_offsets": [0, 4]})
    path = _file(tmp_path / "m.safetensors", f'{{"w": {entry}, "w": {entry}}}', b"\0" * 4)
    with pytest.raises(CheckpointError, match=r"names w more than once"):
        TensorFile(path)


def test_other_dtypes_are_refused_by_name(tmp_path: Path) -> None:
    save_file({"w": np.zeros(3, dtype=np.int64)}, tmp_path / "m.safetensors")
    with pytest.raises(CheckpointError, match=r"tensor w is I64"):
        TensorFile(tmp_path / "m.safetensors")


@pytest.mark.parametrize(
    ("header", "data"),
    [
        ('{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', b"\0" * 4),
        ('{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', b"\0" * 9),
        ('{"w":{"dtype":"F32","shape":[3],"data_offsets":[0,4]}}', b"\0" * 4),
        ("not json", b""),
    ],
    ids=["truncated", "trailing", "shape", "garbage"],
)
def test_damaged_files_are_refused(tmp_path: Path, header: str, data: bytes) -> None:
    with pytest.raises(CheckpointError, match="cannot be read as safetensors"):
        TensorFile(_file(tmp_path / "m.safetensors", header, data))


def test_a_missing_file_is_a_typed_error(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot be read"):
        TensorFile(tmp_path / "m.safetensors")
