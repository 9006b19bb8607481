"""Find a checkpoint, and verify it before anything is served from it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from nsfw_detector.checkpoint.config import CheckpointConfig
from nsfw_detector.checkpoint.eva02 import ARCHITECTURES, Eva02Spec
from nsfw_detector.checkpoint.tensors import TensorFile
from nsfw_detector.errors import CheckpointError, CheckpointNotFoundError

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A verified model folder.

    Attributes:
        folder: Where it lies.
        config: Its `config.json`.
        tensors: Its weights, mapped into memory.
        sha256: SHA-256 of `model.safetensors`, 64 hex digits.
        spec: Dimensions, if it is an EVA-02; None for another architecture of timm, which only the
            torch engine runs and whose tensors timm itself matches against the architecture.
    """

    folder: Path
    config: CheckpointConfig
    tensors: TensorFile
    sha256: str
    spec: Eva02Spec | None

    @classmethod
    def load(cls, folder: Path, sha256: str | None = None) -> Checkpoint:
        """Find the checkpoint in `folder` or one level below it, and verify it.

        Args:
            folder: For instance `$AZUREML_MODEL_DIR`; a folder registered as a model arrives one
                level below, under its own name.
            sha256: If given, what the SHA-256 of the weights must be (64 lower-case hex digits).

        Raises:
            CheckpointNotFoundError: No checkpoint there, or more than one.
            CheckpointError: A file is damaged, or tensors and config do not fit together.
        """
        folder = find(folder)
        config = CheckpointConfig.load(folder / CONFIG)
        tensors = TensorFile(folder / WEIGHTS)
        spec = Eva02Spec.from_config(config) if config.architecture in ARCHITECTURES else None
        if spec is not None:
            _check_dimensions(spec, config, folder / CONFIG)
            _check_tensors(spec, tensors)
        # Both read every byte; side by side they take half the time.
        with ThreadPoolExecutor(max_workers=1) as background:
            hashing = background.submit(tensors.sha256)
            damaged = sorted(name for name in tensors.shapes if not tensors.is_finite(name))
            digest = hashing.result()
        if sha256 is not None and digest != sha256:
            raise CheckpointError(
                f"{tensors.path} has SHA-256 {digest}, expected {sha256}. "
                "Fetch the file again, or correct CHECKPOINT_SHA256."
            )
        if damaged:
            raise CheckpointError(
                f"{tensors.path} holds values that are not finite numbers in {_some(damaged)}. "
                "Fetch the file again and compare its SHA-256 with the published one."
            )
        return cls(folder, config, tensors, digest, spec)


def find(folder: Path) -> Path:
    """The folder that holds `config.json` and `model.safetensors`: this one or one just below.

    Raises:
        CheckpointNotFoundError: There is none, or there are several.
    """
    below = sorted(p for p in folder.iterdir() if p.is_dir()) if folder.is_dir() else []
    found = [p for p in (folder, *below) if (p / CONFIG).is_file() and (p / WEIGHTS).is_file()]
    if len(found) == 1 or (found and found[0] == folder):
        return found[0]
    if found:
        names = ", ".join(p.name for p in found)
        raise CheckpointNotFoundError(
            f"{folder} holds several checkpoints ({names}). Set AZUREML_MODEL_DIR to one of them."
        )
    seen = sorted(p.name for p in folder.iterdir())[:MOST_NAMED] if folder.is_dir() else None
    state = "does not exist" if seen is None else f"holds {', '.join(seen) or 'nothing'}"
    raise CheckpointNotFoundError(
        f"No {CONFIG} and {WEIGHTS} in {folder} or one level below it; the folder {state}. "
        "Set AZUREML_MODEL_DIR to the model folder. If an upload left the weights behind, look "
        "whether .amlignore or .gitignore excludes them."
    )


def _check_dimensions(spec: Eva02Spec, config: CheckpointConfig, path: Path) -> None:
    problem = None
    if config.pretrained_cfg.input_size[1:] != spec.image_size:
        problem = (
            f"pretrained_cfg.input_size {config.pretrained_cfg.input_size[1:]} is not the "
            f"model's img_size {spec.image_size}"
        )
    elif spec.embed_dim % spec.num_heads or spec.head_dim % 4:
        problem = (
            f"embed_dim {spec.embed_dim} over num_heads {spec.num_heads} is no multiple of 4, "
            "which rotary positions in two dimensions need"
        )
    if problem:
        raise CheckpointError(f"{path}: {problem}.")


def _check_tensors(spec: Eva02Spec, tensors: TensorFile) -> None:
    expected, found = spec.tensors(), tensors.shapes
    misshapen = [
        f"{name} is {found[name]} instead of {expected[name]}"
        for name in sorted(expected.keys() & found.keys())
        if expected[name] != found[name]
    ]
    problems = {
        "missing": sorted(expected.keys() - found.keys()),
        "unexpected": sorted(found.keys() - expected.keys()),
        "misshapen": misshapen,
    }
    told = [f"{kind}: {_some(names)}" for kind, names in problems.items() if names]
    if told:
        raise CheckpointError(
            f"{tensors.path} does not fit its config.json. {'; '.join(told)}. "
            "Take both files from the same revision of the model."
        )


def _some(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more
