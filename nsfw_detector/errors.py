"""Every error of the package, each with its machine-readable code and HTTP status.

An error that concerns one image (`ImageError`) is also a *value*: `Detector.detect` returns it in
the place of that image's detection, so that one bad file never costs its neighbours their result.
Messages say what was wrong and what to do. They never hold image bytes, file names or URLs.
"""

from __future__ import annotations

import math
from typing import ClassVar


class DetectorError(Exception):
    """Base of all errors raised on purpose by this package.

    Attributes:
        code: Stable identifier for programs, such as ``"image_unreadable"``.
        status: The HTTP status a request gets when this error is its whole answer.
        message: For people: what was wrong and what to do.
    """

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


# --- The model folder -----------------------------------------------------------------------------


class CheckpointError(DetectorError):
    """The model folder cannot be served; the message names the file or tensor."""

    code = "checkpoint_invalid"


class CheckpointNotFoundError(CheckpointError):
    """No folder with config.json and model.safetensors where one was expected."""

    code = "checkpoint_not_found"


class UnsupportedArchitectureError(CheckpointError):
    """The checkpoint is sound, but no engine here can run its architecture."""

    code = "architecture_unsupported"


# --- Configuration --------------------------------------------------------------------------------


class SettingsError(DetectorError):
    """A setting has a value that cannot be used on this machine or with this checkpoint."""

    code = "settings_invalid"


class PolicyError(DetectorError):
    """A policy file or a request's policy is not valid; the message names the field."""

    code = "policy_invalid"
    status = 400


class RowsError(DetectorError):
    """A table of results is not there or cannot be used; the message names the folder."""

    code = "rows_invalid"


class StorageError(DetectorError):
    """A job's storage fails for so many files that they had better be tried again."""

    code = "storage_unavailable"


# --- One image ------------------------------------------------------------------------------------


class ImageError(DetectorError):
    """This one image cannot be scored."""

    code = "image_unreadable"
    status = 422


class ImageNotFoundError(ImageError):
    """A path given to the Python API or by a batch job cannot be read."""

    code = "image_not_found"


class ImageUnavailableError(ImageError):
    """It is there, but could not be fetched from where it is stored. Trying again may help."""

    code = "image_unavailable"


class ImageEmptyError(ImageError):
    """Zero bytes."""

    code = "image_empty"


class ImageEncodingError(ImageError):
    """The text that should be the image is not base64."""

    code = "image_not_base64"


class ImageFormatError(ImageError):
    """Readable bytes, but not one of the accepted image formats."""

    code = "image_format_unsupported"
    status = 415


class ImageTooLargeError(ImageError):
    """More bytes or pixels than the limits in the settings allow."""

    code = "image_too_large"
    status = 413


# --- A request as a whole -------------------------------------------------------------------------


class RequestError(DetectorError):
    """The request is not in any shape this endpoint understands; the message names the field."""

    code = "bad_request"
    status = 400


class MethodNotAllowedError(RequestError):
    """Only POST scores (GET and OPTIONS describe the endpoint)."""

    code = "method_not_allowed"
    status = 405


class RequestTooLargeError(RequestError):
    """The body, or the number of images in it, is over the limit."""

    code = "request_too_large"
    status = 413


class MediaTypeError(RequestError):
    """The content type is none of those accepted."""

    code = "media_type_unsupported"
    status = 415


class OverloadedError(RequestError):
    """So much waits for the engine that the request would not be done by its deadline.

    Attributes:
        retry_after: Whole seconds, at least 1, after which it would be.
    """

    code = "overloaded"
    status = 429

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = max(1, math.ceil(retry_after))


# --- Scoring --------------------------------------------------------------------------------------


class InferenceError(DetectorError):
    """The engine failed or gave values that are not finite numbers."""

    code = "inference_failed"


class DeadlineExceededError(DetectorError):
    """The image was not scored in the time that its request had."""

    code = "deadline_exceeded"
    status = 504

    def __init__(self) -> None:
        super().__init__(
            "The image could not be scored in time. Send it again, or fewer images at once."
        )
