"""What the benchmarks are run on here: so small that each takes seconds. Nothing is timed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.forms import Form
from tests.checkpoints import tiny_config, write_checkpoint

ORIENTATION = 0x0112


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint with few weights, but the published input size, which the peers insist on."""
    arguments = {"img_size": 448, "embed_dim": 48, "depth": 1, "num_heads": 3}
    config = tiny_config(model_args=arguments)
    config["pretrained_cfg"]["input_size"] = [3, 448, 448]
    return write_checkpoint(tmp_path_factory.mktemp("models") / "small", config)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A grey JPEG, and one in colour that lies on its side."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    blocks = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    colour = Image.fromarray(blocks).resize((400, 300), Image.Resampling.BICUBIC)
    paths = [folder / "colour.jpg", folder / "grey.jpg"]
    colour.save(paths[0], exif=exif)
    colour.convert("L").resize((320, 320)).save(paths[1])
    return paths


@pytest.fixture
def form() -> Form:
    """The least of everything."""
    return Form(
        name="short",
        photos=2,
        rounds=2,
        starts=1,
        loads=(0.5, 1.2),
        load_seconds=1,
        load_requests=20,
        saturations=1,
        saturation_seconds=1,
        folder_counts=(20, 40),
    )
