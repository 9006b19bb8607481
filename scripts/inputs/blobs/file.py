"""A blob that is read like a file."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from azure.core import MatchConditions
from azure.core.exceptions import AzureError, ResourceNotFoundError

from nsfw_detector.errors import ImageNotFoundError, ImageUnavailableError
from scripts.inputs.blobs.errors import error_code, explain, is_refused, why

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient

CHUNK = 4 * 1024 * 1024  # most images come in one request; videos are read piece by piece
OF_ONE_BLOB = "AuthorizationPermissionMismatch"  # a blob's own access control list may say so


class BlobFile(io.RawIOBase):
    """A blob as a file: each read is one request.

    Args:
        blob: Its client.
        size: In bytes, as it was listed.
        etag: As it was listed; a blob that has changed since is not read.
    """

    def __init__(self, blob: BlobClient, size: int, etag: str) -> None:
        self._blob = blob
        self._size = size
        self._etag = etag
        self._position = 0

    def readable(self) -> bool:
        """It can be read."""
        return True

    def seekable(self) -> bool:
        """It can be read from anywhere: no byte before has to be fetched."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to where the next read begins; returns how far from the start that is."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, start + offset)
        return self._position

    def readall(self) -> bytes:
        """Fetch all that is left; the base class would do so in pieces of 8 KiB."""
        buffer = bytearray(max(0, self._size - self._position))
        self.readinto(buffer)
        return bytes(buffer)

    def readinto(self, buffer: Any) -> int:
        """Fetch the next bytes.

        Raises:
            ImageNotFoundError: The blob is not there any more.
            ImageUnavailableError: It cannot be fetched at present.
            OperatorError: The account lets nothing be fetched: the run had better stop.
        """
        length = min(len(buffer), self._size - self._position)
        if length <= 0:
            return 0
        try:
            download = self._blob.download_blob(
                self._position,
                length,
                etag=self._etag,
                match_condition=MatchConditions.IfNotModified,
            )
            data = download.readall()
        except ResourceNotFoundError:
            raise ImageNotFoundError("The blob is not there any more.") from None
        except AzureError as error:
            if is_refused(error) and error_code(error) != OF_ONE_BLOB:
                raise explain(error) from None
            raise ImageUnavailableError(f"The blob could not be fetched: {why(error)}.") from None
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)
