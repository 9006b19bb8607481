"""Which containers of videos are read, and how each is told by its first bytes.

Playlists, which name other files, are not among them. FFmpeg gets an open file instead of a name,
and the reader of that container and no other, so that it can read nothing else.
"""

from __future__ import annotations

import re
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, BinaryIO

from nsfw_detector.errors import ImageFormatError

if TYPE_CHECKING:
    from av.container import InputContainer

HEAD_BYTES = 3 * 188 + 1
_DEMUXERS = {"MP4": "mov", "MATROSKA": "matroska", "AVI": "avi", "MPEG": "mpeg", "MPEGTS": "mpegts"}
_DEMUXERS |= {"ASF": "asf", "FLV": "flv"}
_SIGNATURES = {
    # MP4, MOV, 3GP; not still images
    "MP4": rb"....ftyp(?!avif|avis|heic|heix|heim|heis|mif1|msf1)",
    "MATROSKA": rb"\x1aE\xdf\xa3",  # WebM too
    "AVI": rb"RIFF....AVI ",
    "MPEG": rb"\x00\x00\x01\xba",  # program stream
    # Packets of 188 bytes that begin with G, as a GIF does.
    "MPEGTS": rb"(?!GIF8)G(?:.{187}G){3}",
    "ASF": rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c",  # WMV too
    "FLV": rb"FLV\x01",
}
_PATTERNS = {name: re.compile(pattern, re.DOTALL) for name, pattern in _SIGNATURES.items()}

VIDEO_FORMATS = "MP4, MOV, MKV, WebM, AVI, MPEG, MPEG-TS, WMV, FLV"
"""Those that are read, as people call them."""


def is_video(head: bytes) -> bool:
    """Whether a file with these first `HEAD_BYTES` bytes is a video."""
    return any(pattern.match(head) for pattern in _PATTERNS.values())


def sniff_video(file: BinaryIO) -> str:
    """Name the container of a file, such as ``"MP4"``.

    Raises:
        ImageFormatError: It is none of those that are read.
    """
    file.seek(0)
    head = file.read(HEAD_BYTES)
    for name, pattern in _PATTERNS.items():
        if pattern.match(head):
            return name
    raise ImageFormatError(f"This is no video in an accepted format ({VIDEO_FORMATS}).")


def open_video(file: BinaryIO, name: str) -> AbstractContextManager[InputContainer]:
    """Open a video from its beginning.

    Args:
        file: Seekable.
        name: Its container, from `sniff_video`.

    Raises:
        ImageFormatError: PyAV is not installed.
        Exception: Whatever FFmpeg makes of it.
    """
    try:
        import av
    except ImportError:
        raise ImageFormatError(
            "Videos need PyAV, which the batch environment has (environment/batch.yml)."
        ) from None
    av.logging.set_level(av.logging.PANIC)  # FFmpeg's messages may tell of contents
    file.seek(0)
    # Players differ in how far they obey the edit list of an MP4, which says what not to show.
    options = {"ignore_editlist": "1"} if name == "MP4" else {}
    return av.open(
        file, "r", format=_DEMUXERS[name], container_options=options, metadata_errors="ignore"
    )
