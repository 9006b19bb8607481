"""What the SDK would upload of a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def uploaded_files(folder: Path) -> dict[str, int]:
    """List what goes up when the SDK uploads a folder, as the SDK itself decides.

    Args:
        folder: Given as `code:` of a deployment, or as `path:` of a model or environment.

    Returns:
        Size in bytes of each file by its path in the folder, with forward slashes.
    """
    # Private, and the only place where the rules of .amlignore and .gitignore are: copying them
    # would be a guess at what the SDK does.
    from azure.ai.ml._utils._asset_utils import get_ignore_file, get_upload_files_from_folder

    pairs: Any = get_upload_files_from_folder(folder, ignore_file=get_ignore_file(folder))
    return {destination: Path(source).stat().st_size for source, destination in sorted(pairs)}
