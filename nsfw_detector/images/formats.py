"""Which formats are accepted, how each is told by its first bytes, and what Pillow's errors become.

Each format is opened by its own Pillow plugin and no other. `Image.open` is not used: it would try
plugins that are not on this list (EPS, PSD, FLI ...), read a JPEG's MPO index, which may be broken
beside a sound first picture, and check sizes against a limit of the whole process; ours is checked
by the caller.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from nsfw_detector.errors import DetectorError, ImageError, ImageFormatError, ImageTooLargeError

_PLUGINS: dict[str, type[ImageFile]] = {
    "JPEG": JpegImageFile,  # MPO too: its first picture
    "PNG": PngImageFile,
    "GIF": GifImageFile,
    "WEBP": WebPImageFile,
    "BMP": BmpImageFile,
    "TIFF": TiffImageFile,
    "AVIF": AvifImageFile,
}

_SIGNATURES = {
    "JPEG": re.compile(rb"\xff\xd8\xff"),
    "PNG": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "GIF": re.compile(rb"GIF8[79]a"),
    "WEBP": re.compile(rb"RIFF....WEBP", re.DOTALL),
    "BMP": re.compile(rb"BM"),
    "TIFF": re.compile(rb"II[*+]\0|MM\0[*+]"),
    # The brand may be the file's major one or any of the compatible ones that follow it; HEIC has
    # the same container without it.
    "AVIF": re.compile(rb"....ftyp(?:....){0,14}avi[fs]", re.DOTALL),
}


def sniff(data: bytes) -> str:
    """Name the format by the first bytes: ``"JPEG"``, ``"PNG"``, ``"GIF"``, ``"WEBP"`` ...

    Raises:
        ImageFormatError: The bytes begin like none of the accepted formats.
    """
    for name, signature in _SIGNATURES.items():
        if signature.match(data):
            return name
    raise ImageFormatError(
        f"These bytes are no image in an accepted format ({', '.join(_PLUGINS)}). "
        "Convert the image, or check that the file itself was sent."
    )


def open_image(data: bytes, name: str) -> ImageFile:
    """Read the header of an image in the format `name`; no pixel is decoded.

    Raises:
        ImageTooLargeError: A JPEG with so many scans that decoding it would take minutes.
        Exception: Whatever Pillow raises; to be called within `pillow_errors`.
    """
    if name == "JPEG":
        _check_scans(data)
    return _PLUGINS[name](io.BytesIO(data))


@contextmanager
def pillow_errors(name: str) -> Iterator[None]:
    """Turn whatever Pillow raises for a hostile file in the format `name` into an `ImageError`.

    Pillow has no common error class: OSError, ValueError, SyntaxError, struct.error, KeyError and
    a dozen others have been seen, and none of them may become a failed request. Only the class is
    told, because the texts may hold bytes of the image.

    Raises:
        ImageTooLargeError: Pillow's own limit was met first.
        ImageError: Anything else.
    """
    try:
        yield
    except DetectorError:
        raise
    except Image.DecompressionBombError:
        raise ImageTooLargeError(
            "The image has more pixels than the decoder allows. Send a smaller image."
        ) from None
    except Exception as error:
        raise ImageError(
            f"The {name} image is damaged, cut off or of a kind that cannot be read "
            f"({type(error).__name__})."
        ) from None


def _check_scans(data: bytes) -> None:
    """Refuse a JPEG with hundreds of scans: each costs a pass over all pixels and few bytes.

    Cameras and encoders write about ten. The two marker bytes also occur by chance in a film that
    a phone has appended to the photo, once in 65,536 bytes, hence the second term.
    """
    if data.count(b"\xff\xda") > 100 + len(data) // 40_000:
        raise ImageTooLargeError(
            "The JPEG has too many scans to be decoded in reasonable time. Save it as baseline."
        )
