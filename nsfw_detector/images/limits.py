"""How large an image may be, in bytes and in pixels."""

from __future__ import annotations

from dataclasses import dataclass

from nsfw_detector.errors import ImageTooLargeError


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """What one image may cost; the settings of the same names give the values.

    Attributes:
        max_bytes: Most encoded bytes, at least 1.
        max_pixels: Most pixels (width x height), at least 1. It bounds the memory of one decode:
            the frames scored of an animation count together.
        max_frames: Most frames scored of an animation, at least 1.
    """

    max_bytes: int
    max_pixels: int
    max_frames: int

    def check_bytes(self, size: int) -> None:
        """Refuse `size` encoded bytes if they are too many.

        Raises:
            ImageTooLargeError: With both numbers and the setting.
        """
        if size > self.max_bytes:
            raise ImageTooLargeError(
                f"The image has {size} bytes; the limit is {self.max_bytes}. "
                "Send a smaller file, or raise MAX_IMAGE_BYTES."
            )

    def check_pixels(self, pixels: int) -> None:
        """Refuse `pixels` if they are too many.

        Raises:
            ImageTooLargeError: With both numbers and the setting.
        """
        if pixels > self.max_pixels:
            raise ImageTooLargeError(
                f"The image has {pixels} pixels, counting every frame that would be scored; "
                f"the limit is {self.max_pixels}. "
                "Send a smaller image, or raise MAX_IMAGE_PIXELS."
            )
