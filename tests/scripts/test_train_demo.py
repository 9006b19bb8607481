from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from safetensors import safe_open

from scripts.demo_images import LEVELS, add_badges, draw, example
from scripts.demo_training.measuring import Scorer, confusion, sample_scores
from scripts.demo_training.recipe import ARCHITECTURE, CONFIG, MODEL_ARGS
from scripts.make_samples import drawn_pictures, request_bodies
from scripts.paths import DEMO, SAMPLES
from scripts.train_demo import main

FRESH_SEED = 20_000_000
"""Neither the training's nor that of the model card's held-out pictures."""


def magenta_areas(image: Image.Image) -> int:
    """Count the separate areas of badge colour in a picture."""
    red, green, blue = np.asarray(image).astype(int).transpose(2, 0, 1)
    mask = Image.fromarray(((red > 150) & (blue > 100) & (green < 60)).astype(np.uint8)).copy()
    areas = 0
    while found := np.argwhere(np.asarray(mask) == 1).tolist():
        y, x = found[0]
        ImageDraw.floodfill(mask, (x, y), 2)
        areas += 1
    return areas


# --- Drawing --------------------------------------------------------------------------------------


def test_a_picture_follows_from_seed_and_index() -> None:
    first, again, other = example(5, 3), example(5, 3), example(5, 8)
    assert first.level == again.level == other.level == LEVELS.index("medium")
    assert np.array_equal(np.asarray(first.image), np.asarray(again.image))
    assert first.image.tobytes() != other.image.tobytes()


def test_sizes_and_levels() -> None:
    drawn = [example(6, index, max_side=300) for index in range(50)]
    assert all(e.image.mode == "RGB" and min(e.image.size) >= 45 for e in drawn)
    assert all(100 <= max(e.image.size) <= 300 for e in drawn)
    assert [sum(e.level == level for e in drawn) for level in range(4)] == [20, 10, 10, 10]


@pytest.mark.parametrize("count", range(5))
def test_badges_are_separate_and_whole(count: int) -> None:
    for seed, size in enumerate([(200, 200), (300, 140), (140, 300)]):
        picture = Image.new("RGB", size, (90, 120, 90))
        add_badges(np.random.default_rng(seed), picture, count)
        assert magenta_areas(picture) == count
        edge = np.asarray(picture).copy()
        edge[1:-1, 1:-1] = (90, 120, 90)
        magenta = Image.fromarray(edge)
        assert magenta_areas(magenta) == 0


def test_levels_of_one_scene_differ() -> None:
    drawn = {draw(np.random.default_rng(11), n, (200, 150)).tobytes() for n in range(4)}
    assert len(drawn) == len(LEVELS)


# --- The training script --------------------------------------------------------------------------


def test_a_short_run_writes_a_checkpoint_that_loads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["--steps", "2", "--held-out", "5", "--out", str(tmp_path)])

    assert "step 2/2  loss" in capsys.readouterr().out
    import timm  # only after scripts.train_demo, which prepares torchvision for it

    loaded = timm.create_model(f"local-dir:{tmp_path}", pretrained=True).state_dict()
    with safe_open(tmp_path / "model.safetensors", "pt") as file:
        assert file.metadata() == {"format": "pt"}
        stored = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    assert {t.dtype for t in stored.values()} == {torch.bfloat16}
    assert stored.keys() == loaded.keys()
    assert all(torch.equal(loaded[key], value.float()) for key, value in stored.items())
    assert json.loads((tmp_path / "config.json").read_text()) == CONFIG
    card = (tmp_path / "README.md").read_text()
    assert "never a moderator" in card
    assert "on 5 held-out pictures" in card
    assert "$" not in card

    main(["--steps", "2", "--held-out", "5", "--out", str(tmp_path), "--measure"])
    assert (tmp_path / "README.md").read_text() == card


def test_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    assert "python -m scripts.train_demo" in capsys.readouterr().out


# --- The committed checkpoint and samples ---------------------------------------------------------


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return Scorer(DEMO)


def test_the_committed_checkpoint_is_small_and_says_demo() -> None:
    assert sum(p.stat().st_size for p in DEMO.iterdir()) <= 4_000_000
    config = json.loads((DEMO / "config.json").read_text())
    assert config == CONFIG
    assert config["model_name"] == "nsfw-detector-demo"
    assert config["label_names"] == ["neutral", "low", "medium", "high"]
    side = MODEL_ARGS["img_size"]
    assert config["pretrained_cfg"]["input_size"] == [3, side, side]


def test_the_model_card_is_that_of_the_committed_weights() -> None:
    digest = hashlib.sha256((DEMO / "model.safetensors").read_bytes()).hexdigest()
    assert digest in (DEMO / "README.md").read_text()


def test_it_has_the_published_models_structure() -> None:
    """All of a base model's tensors are there, in as many blocks as it has itself."""
    import timm

    tiny = timm.create_model(f"local-dir:{DEMO}", pretrained=True)
    base = timm.create_model(ARCHITECTURE, num_classes=4, depth=MODEL_ARGS["depth"])
    assert tiny.state_dict().keys() == base.state_dict().keys()


def test_it_tells_the_levels_apart(scorer: Scorer) -> None:
    matrix = confusion(scorer, FRESH_SEED, 300, max_side=800)
    assert matrix.trace() / matrix.sum() >= 0.95, matrix


def test_sample_photos_are_neutral_and_drawings_of_their_level(scorer: Scorer) -> None:
    scores = sample_scores(scorer, SAMPLES)
    drawn = {name: row for name, row in scores.items() if name.startswith("demo-")}
    photos = {name: row for name, row in scores.items() if name not in drawn}
    assert len(photos) >= 6
    assert {name: row for name, row in photos.items() if row[0] < 0.9} == {}
    assert len(drawn) == 3
    assert all(name == f"demo-{LEVELS[row.argmax()]}.png" for name, row in drawn.items())


def test_badges_on_a_photo_are_counted(scorer: Scorer) -> None:
    for count in range(4):
        with Image.open(SAMPLES / "cat.jpg") as image:
            photo = image.convert("RGB")
        add_badges(np.random.default_rng(count), photo, count)
        assert scorer(photo).argmax() == count


def test_the_transformers_pipeline_agrees(scorer: Scorer) -> None:
    from transformers import pipeline

    classify = pipeline("image-classification", model=str(DEMO), dtype=torch.float32)
    with Image.open(SAMPLES / "demo-medium.png") as image:
        answer = {entry["label"]: entry["score"] for entry in classify(image)}
        expected = dict(zip(LEVELS, scorer(image.convert("RGB")), strict=True))
    assert answer == pytest.approx(expected, abs=1e-4)


def test_sample_files_are_those_of_the_script() -> None:
    assert {p.name for p in SAMPLES.glob("demo-*")} == drawn_pictures().keys()
    requests = {p.name: json.loads(p.read_text()) for p in (SAMPLES / "requests").iterdir()}
    bodies = request_bodies(SAMPLES)
    assert requests.keys() == bodies.keys()
    # Not the bytes of the images: those depend on the JPEG library.
    assert all(requests[name].keys() == body.keys() for name, body in bodies.items())


def test_samples_are_small() -> None:
    files = [p for p in SAMPLES.rglob("*") if p.is_file()]
    assert max(p.stat().st_size for p in files) <= 150_000
    for path in (p for p in files if p.suffix in {".jpg", ".png", ".webp"}):
        with Image.open(path) as image:
            assert max(image.size) <= 1024
