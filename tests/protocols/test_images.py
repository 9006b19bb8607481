from __future__ import annotations

import base64

import pytest

from nsfw_detector.errors import ImageEncodingError
from nsfw_detector.protocols.images import read_image

DATA = bytes(range(256)) * 2


@pytest.mark.parametrize(
    "value",
    [
        DATA,
        base64.b64encode(DATA).decode(),
        base64.encodebytes(DATA).decode(),  # with line breaks
        f"data:image/jpeg;base64,{base64.b64encode(DATA).decode()}",
    ],
)
def test_accepted(value: str | bytes) -> None:
    assert read_image(value) == DATA


@pytest.mark.parametrize(
    "value",
    [
        "https://example.org/a.jpg",
        "not base64!",
        "QUJ",  # padding is missing
        "QUJD=QUJD",
        "QUJD\ud800",
        "données",
        "data:image/png,QUJD",
    ],
)
def test_refused_as_a_value(value: str) -> None:
    assert isinstance(read_image(value), ImageEncodingError)
