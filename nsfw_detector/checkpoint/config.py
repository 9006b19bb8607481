"""`config.json` as Hugging Face's `timm_wrapper` models have it.

Everything that differs from one checkpoint to the next is read from here: architecture, labels,
input size, normalisation, resizing. Source of the format: transformers' `TimmWrapperConfig` and the
`config.json` of Freepik/nsfw_image_detector.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from nsfw_detector.errors import CheckpointError
from nsfw_detector.transform import Preprocess

Channel = Annotated[float, Field(allow_inf_nan=False)]


class PretrainedConfig(BaseModel):
    """The `pretrained_cfg` of timm, as far as it concerns inference."""

    model_config = ConfigDict(extra="ignore")

    input_size: tuple[Literal[3], Annotated[int, Field(gt=0)], Annotated[int, Field(gt=0)]]
    interpolation: Literal["nearest", "bilinear", "bicubic", "box", "hamming", "lanczos"]
    crop_mode: Literal["squash", "center", "border"] = "center"
    crop_pct: float = Field(default=0.875, gt=0, le=1)
    mean: tuple[Channel, Channel, Channel]
    std: tuple[
        Annotated[float, Field(gt=0, allow_inf_nan=False)],
        Annotated[float, Field(gt=0, allow_inf_nan=False)],
        Annotated[float, Field(gt=0, allow_inf_nan=False)],
    ]


class CheckpointConfig(BaseModel):
    """A checkpoint's `config.json`.

    `model_name` and `model_version` are our own optional additions: the demo checkpoint uses them
    so that every answer says which model gave it.
    """

    model_config = ConfigDict(extra="ignore", protected_namespaces=())

    architecture: str
    num_classes: int = Field(gt=1)
    label_names: tuple[str, ...]
    global_pool: str = "avg"
    pretrained_cfg: PretrainedConfig
    model_args: dict[str, Any] = {}
    model_name: str | None = None
    model_version: str | None = None

    @model_validator(mode="after")
    def _labels_match_classes(self) -> CheckpointConfig:
        if len(set(self.label_names)) != self.num_classes:
            raise ValueError(
                f"label_names must be {self.num_classes} different names (num_classes), "
                f"lowest level first; they are {list(self.label_names)}"
            )
        return self

    @classmethod
    def load(cls, path: Path) -> CheckpointConfig:
        """Read and validate a `config.json`.

        Raises:
            CheckpointError: The file cannot be read, or a field is missing or wrong.
        """
        try:
            return cls.model_validate_json(path.read_bytes())
        except OSError as error:
            raise CheckpointError(f"{path} cannot be read: {error.strerror}.") from None
        except ValidationError as error:
            problems = "; ".join(
                f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in error.errors()
            )
            raise CheckpointError(
                f"{path} is not the config of a timm_wrapper image classifier: {problems}. "
                "Take config.json from the same revision as the weights."
            ) from None

    @property
    def preprocess(self) -> Preprocess:
        """How an image becomes model input."""
        cfg = self.pretrained_cfg
        _, height, width = cfg.input_size
        return Preprocess(
            height=height,
            width=width,
            interpolation=cfg.interpolation,
            crop_mode=cfg.crop_mode,
            crop_pct=cfg.crop_pct,
            mean=cfg.mean,
            std=cfg.std,
        )
