from __future__ import annotations

import io
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nsfw_detector import Detection, Detector, DetectorError, Embedding, Settings
from nsfw_detector.checkpoint import Checkpoint
from nsfw_detector.errors import DeadlineExceededError, ImageError, PolicyError
from nsfw_detector.pipeline.sources import Source
from scripts.paths import DEMO, SAMPLES
from tests.checkpoints import tiny_config, write_checkpoint


def _detection(result: object) -> Detection:
    assert isinstance(result, Detection), result
    return result


def test_every_form_of_an_image_gives_the_same_result(demo_detector: Detector) -> None:
    path = SAMPLES / "cat.jpg"
    with Image.open(path) as image:
        image.load()
    forms: list[Source] = [
        str(path),
        path,
        path.read_bytes(),
        image,
        np.asarray(image.convert("RGB")),
    ]
    first, *others = [_detection(r) for r in demo_detector.detect(forms)]
    assert [r.format for r in (first, *others)] == ["JPEG"] * 4 + [""]
    assert [replace(r, format="JPEG") for r in others] == [first] * len(others)
    assert (first.width, first.height) == image.size


def test_a_result_is_complete(demo_detector: Detector) -> None:
    detection = _detection(demo_detector.detect([SAMPLES / "demo-high.png"])[0])
    assert detection.level == "high"
    assert detection.decision == "block"
    assert list(detection.scores) == ["neutral", "low", "medium", "high"]
    assert list(detection.at_least) == ["low", "medium", "high"]
    assert detection.at_least["low"] == pytest.approx(1 - detection.scores["neutral"], abs=1e-6)
    assert detection.embedding is None


def test_the_embedding_comes_when_asked_for(demo_detector: Detector) -> None:
    detection = _detection(demo_detector.detect([SAMPLES / "cat.jpg"], embedding=True)[0])
    assert detection.embedding is not None
    assert detection.embedding.dtype == np.float32
    assert detection.embedding.ndim == 1


@pytest.fixture(scope="module")
def layered_detector() -> Iterator[Detector]:
    """One that gives what leaves the blocks 1 and 3."""
    settings = Settings(precision="fp32", scaled_decoding=False, embedding_layers=(1, 3))
    detector = Detector.load(DEMO, settings)
    yield detector
    detector.close()


def test_embed_gives_what_detect_gives(layered_detector: Detector) -> None:
    images: list[Source] = [SAMPLES / "cat.jpg", b"", SAMPLES / "demo-high.png"]
    first, failed, second = layered_detector.embed(images)
    assert isinstance(failed, ImageError)
    detections = layered_detector.detect(images, embedding=True)
    for embedding, result in ((first, detections[0]), (second, detections[2])):
        detection = _detection(result)
        assert isinstance(embedding, Embedding)
        np.testing.assert_array_equal(embedding.vector, detection.embedding)
        assert list(embedding.layers) == list(detection.layers) == [1, 3]
        for block, vector in embedding.layers.items():
            assert vector.dtype == np.float32
            assert vector.shape == (layered_detector.embedding_size,)
            np.testing.assert_array_equal(vector, detection.layers[block])


def test_the_last_layer_is_the_embedding_before_its_norm(layered_detector: Detector) -> None:
    (embedding,) = layered_detector.embed([SAMPLES / "cat.jpg"])
    assert isinstance(embedding, Embedding)
    last, tensors = embedding.layers[3], Checkpoint.load(DEMO).tensors
    normed = (last - last.mean()) / np.sqrt(last.var() + 1e-6)
    weight, bias = (tensors.float32(f"fc_norm.{name}") for name in ("weight", "bias"))
    np.testing.assert_allclose(normed * weight + bias, embedding.vector, atol=1e-5)


def test_normalized_vectors_have_length_1(layered_detector: Detector) -> None:
    images: list[Source] = [SAMPLES / "cat.jpg"]
    (plain,), (unit,) = (layered_detector.embed(images, normalize=n) for n in (False, True))
    assert isinstance(plain, Embedding)
    assert isinstance(unit, Embedding)
    pairs = [(plain.vector, unit.vector), *((plain.layers[b], unit.layers[b]) for b in (1, 3))]
    for before, after in pairs:
        assert np.linalg.norm(before) > 1.5
        assert np.linalg.norm(after) == pytest.approx(1, abs=1e-6)
        np.testing.assert_allclose(after * np.linalg.norm(before), before, rtol=1e-5)


def test_layers_cost_nothing_unless_chosen_and_asked_for(
    demo_detector: Detector, layered_detector: Detector
) -> None:
    (embedding,) = demo_detector.embed([SAMPLES / "cat.jpg"])
    assert isinstance(embedding, Embedding)
    assert embedding.layers == {}
    (other,) = layered_detector.embed([SAMPLES / "cat.jpg"])
    assert isinstance(other, Embedding)
    np.testing.assert_array_equal(embedding.vector, other.vector)
    plain = _detection(layered_detector.detect([SAMPLES / "cat.jpg"])[0])
    assert plain.embedding is None
    assert plain.layers == {}


def test_layers_of_kept_results_cannot_be_changed(tiny: Path) -> None:
    settings = Settings(precision="fp32", result_cache_size=1, embedding_layers=(0,))
    detector = Detector.load(tiny, settings)
    data = (SAMPLES / "cat.jpg").read_bytes()
    first, second = detector.embed([data, data])
    assert isinstance(first, Embedding)
    assert isinstance(second, Embedding)
    kept = first.layers[0].copy()
    first.layers[0][:] = 0
    (third,) = detector.embed([data])
    assert isinstance(third, Embedding)
    np.testing.assert_array_equal(second.layers[0], kept)
    np.testing.assert_array_equal(third.layers[0], kept)
    detector.close()


def test_an_animation_has_the_embedding_of_its_worst_frame(layered_detector: Detector) -> None:
    frames = [Image.open(SAMPLES / name).convert("RGB").resize((160, 160)) for name in
              ("cat.jpg", "demo-high.png", "coffee.jpg")]  # fmt: skip
    file = io.BytesIO()
    frames[0].save(file, "PNG", save_all=True, append_images=frames[1:], duration=100)
    animation, *alone = layered_detector.embed([file.getvalue(), *frames])
    assert isinstance(animation, Embedding)
    for frame, same in zip(alone, (False, True, False), strict=True):
        assert isinstance(frame, Embedding)
        assert np.array_equal(animation.vector, frame.vector) is same
        assert np.array_equal(animation.layers[3], frame.layers[3]) is same


def test_errors_stay_in_their_place(demo_detector: Detector) -> None:
    given = ImageError("given")
    inputs: list[Source] = [
        b"",
        SAMPLES / "cat.jpg",
        b"text",
        "no-such-file.jpg",
        given,
        SAMPLES / "demo-low.png",
    ]
    results = demo_detector.detect(inputs)
    codes = [r.code if isinstance(r, DetectorError) else r.level for r in results]
    assert codes[:2] == ["image_empty", "neutral"]
    assert codes[3:] == ["image_not_found", "image_unreadable", "low"]
    assert isinstance(results[2], ImageError)
    assert results[4] is given


def test_messages_hold_no_names(demo_detector: Detector, tmp_path: Path) -> None:
    path = tmp_path / "secret-name.jpg"
    path.write_bytes(b"not an image")
    for source in (path, tmp_path / "secret-missing.jpg", tmp_path):
        (result,) = demo_detector.detect([source])
        assert isinstance(result, ImageError)
        assert "secret" not in result.message


def test_a_policy_for_one_call(demo_detector: Detector) -> None:
    strict = {"review": {}, "block": {"low": 0.0}}
    (result,) = demo_detector.detect([SAMPLES / "cat.jpg"], policy=strict)
    assert _detection(result).decision == "block"
    with pytest.raises(PolicyError, match="extreme"):
        demo_detector.detect([], policy={"block": {"extreme": 0.5}})


def test_the_worst_frame_counts(demo_detector: Detector) -> None:
    frames = [Image.open(SAMPLES / name).convert("RGB").resize((160, 160)) for name in
              ("cat.jpg", "demo-high.png", "cat.jpg")]  # fmt: skip
    file = io.BytesIO()
    frames[0].save(file, "PNG", save_all=True, append_images=frames[1:], duration=100)
    detection = _detection(demo_detector.detect([file.getvalue()])[0])
    assert (detection.level, detection.frame, detection.frames) == ("high", 1, 3)


def test_hidden_pixels_are_not_scored(demo_detector: Detector) -> None:
    """A drawing behind full transparency is not seen by a person, so the model must not see it."""
    hidden = Image.open(SAMPLES / "demo-high.png").convert("RGB")
    hidden.putalpha(0)
    file = io.BytesIO()
    hidden.save(file, "PNG")
    assert _detection(demo_detector.detect([file.getvalue()])[0]).level == "neutral"


def test_many_threads_get_their_own_results(demo_detector: Detector) -> None:
    names = ["cat.jpg", "demo-low.png", "demo-medium.png", "demo-high.png"]
    alone = {name: demo_detector.detect([SAMPLES / name])[0] for name in names}

    def ask(name: str) -> bool:
        return demo_detector.detect([SAMPLES / name])[0] == alone[name]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, names * 8))


def test_the_order_and_the_neighbours_do_not_matter(demo_detector: Detector) -> None:
    paths = sorted(SAMPLES.glob("*.jpg"))
    forward = demo_detector.detect(paths)
    assert demo_detector.detect(paths[::-1])[::-1] == forward


def test_the_model_says_who_it_is(demo_detector: Detector) -> None:
    info = demo_detector.info
    assert "demo" in info.name
    assert info.engine == "openvino-fp32"
    assert info.digest.startswith("sha256:")


def test_repeats_are_scored_once_and_share_nothing_that_can_be_changed(tiny: Path) -> None:
    file = io.BytesIO()
    Image.linear_gradient("L").save(file, "PNG")
    detector = Detector.load(tiny, Settings(precision="fp32", result_cache_size=1))
    before = detector.statistics()["batches"]
    first, second = [_detection(r) for r in detector.detect([file.getvalue()] * 2, embedding=True)]
    assert first.embedding is not None
    assert second.embedding is not None
    kept = first.embedding.copy()
    first.embedding[:] = 0
    assert (second.embedding == kept).all()
    strict = {"review": {}, "block": {"low": 0.0}}
    (third,) = detector.detect([file.getvalue()], policy=strict)
    assert _detection(third).decision == "block", "a decision is never kept"
    assert _detection(third).scores == first.scores
    statistics = detector.statistics()
    assert statistics["batches"] == before + 1
    assert (statistics["shared"], statistics["cache_hits"]) == (1, 1)
    detector.close()


def test_a_deadline_that_has_passed(tiny: Path) -> None:
    detector = Detector.load(tiny, Settings(precision="fp32"))
    image = np.zeros((9, 9, 3), dtype=np.uint8)
    for patience in ({"deadline": time.monotonic()}, {"is_abandoned": lambda: True}):
        (result,) = detector.detect([image], **patience)
        assert isinstance(result, DeadlineExceededError)
    assert detector.statistics()["errors"] == {"deadline_exceeded": 2}
    detector.close()


def test_a_registered_model_answers_under_its_registered_name(tmp_path: Path) -> None:
    mounted = tmp_path / "azureml-models" / "moderator" / "7"
    write_checkpoint(mounted / "weights", tiny_config())
    detector = Detector.load(mounted, Settings(precision="fp32"))
    assert (detector.info.name, detector.info.version) == ("moderator", "7")
    detector.close()


def test_the_demo_says_demo_under_any_name(tmp_path: Path) -> None:
    mounted = tmp_path / "azureml-models" / "moderator" / "7"
    shutil.copytree(DEMO, mounted)
    detector = Detector.load(mounted, Settings(model_name="production"))
    assert "demo" in detector.info.name
    detector.close()


def test_a_policy_file_that_does_not_fit_stops_the_start(tmp_path: Path, tiny: Path) -> None:
    policy = tmp_path / "policy.yml"
    policy.write_text("block: {explicit: 0.5}")
    with pytest.raises(PolicyError, match="explicit"):
        Detector.load(tiny, Settings(policy_file=policy))
