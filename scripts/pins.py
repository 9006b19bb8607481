"""The models of the Hugging Face hub that we know byte for byte."""

from __future__ import annotations

from dataclasses import dataclass

from nsfw_detector.checkpoint.checkpoint import CONFIG, WEIGHTS


@dataclass(frozen=True, slots=True)
class File:
    """What a file must be: size in bytes and SHA-256 in hex."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Pin:
    """A revision of a model that we know byte for byte."""

    revision: str
    files: dict[str, File]


PINS = {
    "Freepik/nsfw_image_detector": Pin(
        revision="15b85477e4fd2000db76ae9aae0f89a72f95e2e3",
        files={
            CONFIG: File(989, "39f53e86cc4868e0e11396b523c906f376621f54c1025ffc9ee2ee840542a41b"),
            WEIGHTS: File(
                172_725_672, "024a9d4818fae2656403bf626c9f8c9e7789c2da274749fbebb1060d8fdaa7ab"
            ),
        },
    )
}
