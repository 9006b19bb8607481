"""Every JSON format: order, ids, values and errors in place, in the shape of the question."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nsfw_detector.protocols import FORMATS, recognise
from nsfw_detector.protocols.content_safety import _severity
from nsfw_detector.results import Detection
from tests.protocols.fake import BAD, FakeDetector, b64, post

ONE, TWO = b"first image", b"another image"
IMAGES = [b64(ONE), b64(BAD), b64(TWO)]
UNREADABLE = {"code": "image_unreadable", "message": "The image cannot be read."}

fake = FakeDetector()
first, second = fake.detection(ONE), fake.detection(TWO)


def rounded(scores: Any) -> dict[str, Any]:
    return {label: pytest.approx(value, abs=5e-7) for label, value in scores.items()}


def ranking(detection: Detection) -> list[dict[str, Any]]:
    pairs = sorted(rounded(detection.scores).items(), key=lambda p: -detection.scores[p[0]])
    return [{"label": label, "score": score} for label, score in pairs]


def native(image_id: str, detection: Detection) -> dict[str, Any]:
    return {
        "id": image_id,
        "level": detection.level,
        "decision": detection.decision,
        "scores": rounded(detection.scores),
        "at_least": rounded(detection.at_least),
        "width": detection.width,
        "height": detection.height,
    }


def row(detection: Detection) -> dict[str, Any]:
    at_least = {f"at_least_{k}": v for k, v in rounded(detection.at_least).items()}
    return {
        "level": detection.level,
        "decision": detection.decision,
        **rounded(detection.scores),
        **at_least,
        "error": None,
    }


def test_native() -> None:
    images = [{"id": "a", "content": IMAGES[0]}, IMAGES[1], f"data:image/png;base64,{IMAGES[2]}"]
    assert post({"images": images}) == (
        200,
        {
            "model": {"name": "fake", "version": "3", "digest": "sha256:00", "engine": "none"},
            "results": [
                native("a", first),
                {"id": "1", "error": UNREADABLE},
                native("2", second),
            ],
        },
    )


def test_native_embedding_instead_of_scores() -> None:
    _, answer = post({"images": [IMAGES[0]], "options": {"return": ["embedding"]}})
    (result,) = answer["results"]
    embedding = fake.detection(ONE, embedding=True).embedding
    assert embedding is not None
    assert result.pop("embedding") == embedding.tolist()
    assert set(result) == {"id", "level", "decision", "width", "height"}


@pytest.mark.parametrize("normalize", [False, True])
def test_native_layers(normalize: bool) -> None:
    with_layers = FakeDetector(embedding_layers=(3, 7))
    options = {"return": ["embedding", "layers"], "normalize": normalize}
    _, answer = post({"images": IMAGES[:2], "options": options}, with_layers)
    result, failed = answer["results"]
    assert failed == {"id": "1", "error": UNREADABLE}
    detection = with_layers.detection(ONE, embedding=True)
    assert detection.embedding is not None
    assert list(result["layers"]) == ["3", "7"]
    given = [result["embedding"], *result["layers"].values()]
    for numbers, vector in zip(
        given, [detection.embedding, *detection.layers.values()], strict=True
    ):
        length = float(np.linalg.norm(vector)) if normalize else 1.0
        assert numbers == pytest.approx((vector / length).tolist(), rel=1e-6)


def test_native_layers_alone() -> None:
    with_layers = FakeDetector(embedding_layers=(3,))
    _, answer = post({"images": IMAGES[:1], "options": {"return": ["layers"]}}, with_layers)
    (result,) = answer["results"]
    assert list(result.pop("layers")) == ["3"]
    assert set(result) == {"id", "level", "decision", "width", "height"}


def test_layers_come_only_if_asked_for() -> None:
    with_layers = FakeDetector(embedding_layers=(3,))
    for parts in (["scores"], ["embedding"]):
        content = {"images": IMAGES[:1], "options": {"return": parts}}
        assert "layers" not in post(content, with_layers)[1]["results"][0]


def test_layers_where_there_are_none_say_what_to_set() -> None:
    status, answer = post({"images": IMAGES[:1], "options": {"return": ["scores", "layers"]}})
    assert (status, answer["error"]["code"]) == (400, "bad_request")
    assert "EMBEDDING_LAYERS" in answer["error"]["message"]


def test_native_policy() -> None:
    decisions = []
    for field in ("review", "block"):
        _, answer = post({"images": [IMAGES[0]], "options": {"policy": {field: {"low": 0}}}})
        decisions.append(answer["results"][0]["decision"])
    assert decisions == ["review", "block"]


def test_native_tells_the_frame_of_an_animation() -> None:
    _, answer = post({"images": [b64(b"GIF89a")]})
    assert (answer["results"][0]["frames"], answer["results"][0]["frame"]) == (9, 4)


def test_catalogue() -> None:
    expected = [ranking(first), {"error": UNREADABLE}, ranking(second)]
    assert post({"input_data": IMAGES}) == (200, expected)


@pytest.mark.parametrize("rows", [IMAGES, [[i] for i in IMAGES]])
def test_automl(rows: list) -> None:
    def scores(detection: Detection) -> dict[str, Any]:
        values = rounded(detection.scores)
        return {"probs": list(values.values()), "labels": list(values)}

    expected = [scores(first), {"error": UNREADABLE}, scores(second)]
    frame = {"columns": ["image"], "index": [0, 1, 2], "data": rows}
    assert post({"input_data": frame}) == (200, expected)


@pytest.mark.parametrize(
    "content",
    [
        {"dataframe_split": {"columns": ["any"], "data": [[i] for i in IMAGES]}},
        {"dataframe_split": {"columns": [0], "data": IMAGES, "index": [0, 1, 2]}},
        {"dataframe_split": {"columns": ["id", "image"], "data": [[7, i] for i in IMAGES]}},
        {"dataframe_records": [{"image": i, "id": 7} for i in IMAGES]},
        {"dataframe_records": [{"any": i} for i in IMAGES]},
        {"instances": IMAGES, "params": {}},
        {"instances": [{"b64": i} for i in IMAGES]},
        {"inputs": {"image": IMAGES}},
        {"inputs": {"any": IMAGES}},
    ],
)
def test_mlflow(content: dict) -> None:
    failed = {**dict.fromkeys(row(first)), "error": UNREADABLE}
    assert post(content) == (200, {"predictions": [row(first), failed, row(second)]})


def test_hugging_face_one_image() -> None:
    assert post({"inputs": IMAGES[0]}) == (200, ranking(first))
    assert post({"inputs": IMAGES[0], "parameters": {"top_k": 2}}) == (200, ranking(first)[:2])
    assert post({"inputs": IMAGES[1]}) == (422, {"error": UNREADABLE["message"]})


def test_hugging_face_list() -> None:
    content = {"inputs": IMAGES, "parameters": {"top_k": 1}}
    expected = [ranking(first)[:1], {"error": UNREADABLE}, ranking(second)[:1]]
    assert post(content) == (200, expected)


def test_content_safety() -> None:
    severity = {"neutral": 0, "low": 2, "medium": 4, "high": 6}
    levels = set()
    for number in range(20):
        image = b"image %d" % number
        level = fake.detection(image).level
        expected = {"categoriesAnalysis": [{"category": "Sexual", "severity": severity[level]}]}
        assert post({"image": {"content": b64(image)}}) == (200, expected)
        levels.add(level)
    assert len(levels) == 4  # else the images above show too little


def test_content_safety_failed_image() -> None:
    status, answer = post({"image": {"content": b64(BAD)}})
    assert status == 422
    assert answer["error"] == {
        "code": "InvalidRequestBody",
        "message": UNREADABLE["message"],
        "innererror": {"code": "image_unreadable"},
    }


@pytest.mark.parametrize(
    ("labels", "severities"),
    [(("no", "yes"), [0, 6]), (("a", "b", "c"), [0, 4, 6]), (("only",), [0])],
)
def test_content_safety_with_other_labels(labels: tuple, severities: list) -> None:
    assert [_severity(label, labels) for label in labels] == severities


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ([], "JSON object"),
        ("text", "JSON object"),
        ({}, "images, input_data"),
        ({"images": []}, "images: "),
        ({"images": {}}, "images: "),
        ({"images": [IMAGES[0], {"id": "b"}]}, "images.1.content: "),
        ({"images": [IMAGES[0], 5]}, "images.1: Input should be an object"),
        ({"images": [{"id": 5, "content": IMAGES[0]}]}, "images.0.id: "),
        ({"images": IMAGES, "option": {}}, "option: "),
        ({"images": IMAGES, "options": {"return": ["labels"]}}, "options.return.0: "),
        ({"images": IMAGES, "options": {"normalize": "l2"}}, "options.normalize: "),
        ({"images": IMAGES, "options": {"policy": {"block": {"low": 2}}}}, "policy.block.low: "),
        ({"images": IMAGES, "options": {"policy": {"block": {"gore": 1}}}}, "block.gore: "),
        ({"input_data": [IMAGES[0], None]}, "input_data.1: "),
        ({"input_data": IMAGES[0]}, "input_data: "),
        ({"input_data": {"columns": ["a", "b"], "data": [[1, 2]]}}, "input_data.columns: "),
        ({"input_data": {"columns": ["a", "image"], "data": [[1]]}}, "input_data.data.0: "),
        ({"input_data": {"columns": [], "data": [[]]}}, "input_data.columns: "),
        ({"dataframe_records": [{"a": 1, "b": 2}]}, "dataframe_records.0: "),
        ({"dataframe_records": [{}]}, "dataframe_records.0: "),
        ({"instances": {}}, "instances: "),
        ({"inputs": {"image": IMAGES[0]}}, "inputs: "),
        ({"inputs": 5}, "inputs: "),
        ({"inputs": [5]}, "inputs.0: "),
        ({"inputs": IMAGES[0], "parameters": {"top_k": 0}}, "parameters.top_k: "),
        (
            {"inputs": IMAGES[0], "parameters": {"function_to_apply": "sigmoid"}},
            "parameters.function_to_apply: ",
        ),
        ({"image": IMAGES[0]}, "image: Input should be an object"),
        ({"image": {"blobUrl": "https://a.blob.core.windows.net/b"}}, "image: blobUrl"),
        ({"image": {"content": IMAGES[0]}, "categories": ["Sexual", "Hate"]}, "categories.1: This"),
        ({"image": {"content": IMAGES[0]}, "outputType": "EightSeverityLevels"}, "outputType: "),
    ],
)
def test_wrong_shape_names_the_field(content: Any, place: str) -> None:
    status, answer = post(content)
    assert status == 400
    message = answer.get("message") or answer["error"]  # MLflow's, Hugging Face's
    assert place in (message if isinstance(message, str) else message["message"])


@pytest.mark.parametrize(
    ("content", "envelope"),
    [
        ({"images": 5}, {"error": {"code", "message"}}),
        ({"input_data": 5}, {"error": {"code", "message"}}),
        ({"instances": 5}, {"error_code": str, "message": str}),
        ({"inputs": 5}, {"error": str}),
        ({"image": 5}, {"error": {"code", "message", "innererror"}}),
    ],
)
def test_errors_come_in_the_envelope_of_the_format(content: dict, envelope: dict) -> None:
    _, answer = post(content)
    shape = {k: set(v) if isinstance(v, dict) else type(v) for k, v in answer.items()}
    assert shape == envelope


@pytest.mark.parametrize(("key", "kind", "wire_format"), FORMATS)
def test_the_example_of_each_format_is_of_that_format(
    key: str, kind: type, wire_format: Any
) -> None:
    assert recognise(wire_format.example) is wire_format
    assert post(wire_format.example)[0] == 200
