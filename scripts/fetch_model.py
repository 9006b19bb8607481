"""Fetch a checkpoint from the Hugging Face hub: pinned revision, every file verified.

Downloads resume where they were broken off and are kept in the hub's own cache (`HF_HOME`).

Examples:
    python -m scripts.fetch_model Freepik/nsfw_image_detector
    python -m scripts.fetch_model owner/name@<40-digit revision>
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
from pathlib import Path

from nsfw_detector.checkpoint.checkpoint import CONFIG, WEIGHTS
from nsfw_detector.errors import CheckpointError, CheckpointNotFoundError
from scripts.pins import PINS, File, Pin

HUB_ID = re.compile(r"[\w.-]+/[\w.-]+(@[0-9a-f]{40})?")


def resolve_model(model: str) -> Path:
    """The folder of a checkpoint given as a folder or as a Hugging Face id.

    Raises:
        CheckpointNotFoundError: Neither a folder nor an id, or the hub cannot be reached.
        CheckpointError: A fetched file is not the one that was pinned.
    """
    if Path(model).is_dir():
        return Path(model)
    if not HUB_ID.fullmatch(model):
        raise CheckpointNotFoundError(
            f"{model} is neither a folder nor a Hugging Face id such as {next(iter(PINS))}."
        )
    return fetch(model)


def fetch(model: str) -> Path:
    """Fetch config.json and model.safetensors of a hub model; returns their folder.

    Args:
        model: ``owner/name`` of a pinned model, or ``owner/name@revision`` of any other, whose
            files are then checked against the digests that the hub itself publishes.
    """
    name, _, revision = model.partition("@")
    pin = PINS.get(name)
    if pin and revision in ("", pin.revision):
        return _download(name, pin)
    if not revision:
        raise CheckpointNotFoundError(
            f"There is no folder {name}, and as a Hugging Face id it is not pinned here. Name the "
            f"revision that you trust: {name}@<revision>."
        )
    return _download(name, Pin(revision, {}))


def _download(name: str, pin: Pin) -> Path:
    try:
        from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url
    except ImportError:
        raise CheckpointNotFoundError(
            "huggingface_hub is not installed: pip install -r environment/hub.lock"
        ) from None
    folder = Path()
    for filename in (CONFIG, WEIGHTS):
        print(f"Fetching {filename} of {name} at {pin.revision[:12]} ...", file=sys.stderr)
        try:
            path = Path(hf_hub_download(name, filename, revision=pin.revision))
            expected = pin.files.get(filename)
            if expected is None:
                url = hf_hub_url(name, filename, revision=pin.revision)
                metadata = get_hf_file_metadata(url)
                etag = metadata.etag or ""
                # Large files carry their SHA-256 as etag; small ones a git hash, checked by size.
                digest = etag if len(etag) == 64 else _sha256(path)
                expected = File(metadata.size or path.stat().st_size, digest)
        except Exception as error:  # the client's transport raises many kinds
            raise CheckpointNotFoundError(_manual_way(name, pin, error)) from None
        _verify(path, expected)
        folder = path.parent
    return folder


def _verify(path: Path, expected: File) -> None:
    size, digest = path.stat().st_size, _sha256(path)
    if (size, digest) != (expected.size, expected.sha256):
        path.resolve().unlink()  # so that the next run fetches it again
        raise CheckpointError(
            f"{path.name} has {size} bytes and SHA-256 {digest}; expected were {expected.size} "
            f"bytes and {expected.sha256}. The file was removed from the cache: run it again."
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _manual_way(name: str, pin: Pin, error: Exception) -> str:
    files = "\n".join(
        f"     {filename}  {file.size} bytes  sha256 {file.sha256}"
        for filename, file in pin.files.items()
    )
    return (
        f"The Hugging Face hub could not be reached or refused ({type(error).__name__}).\n"
        "By hand, on a machine that reaches it:\n"
        f"  1. Open https://huggingface.co/{name}/tree/{pin.revision}\n"
        f"  2. Save {CONFIG} and {WEIGHTS} into one folder\n{files}\n"
        "  3. Copy the folder here and run: make serve MODEL=<that folder>\n"
        "Behind a mirror or proxy, set HF_ENDPOINT or HTTPS_PROXY."
    )


def main() -> int:
    """Fetch a model and print its folder; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").split("\n\n")[0],
        epilog=f"example: python -m scripts.fetch_model {next(iter(PINS))}",
    )
    parser.add_argument("model", help="owner/name, or owner/name@revision")
    try:
        print(fetch(parser.parse_args().model))
    except CheckpointError as error:
        print(error.message, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
