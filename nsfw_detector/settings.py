"""Every setting, once: typed, documented, read from environment variables of the same name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from nsfw_detector.errors import SettingsError

MIB = 1024 * 1024


def _split(value: object) -> object:
    return [part for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _ascending(numbers: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted(set(numbers)))


Numbers = Annotated[
    tuple[Annotated[int, Field(ge=0)], ...],
    NoDecode,  # in the environment it is a list with commas, no JSON
    BeforeValidator(_split),
    AfterValidator(_ascending),
]


class Settings(BaseSettings):
    """Settings of one scoring process.

    Each field is read from the environment variable of the same name in capitals, for instance
    ``PRECISION=fp32``; in a deployment's YAML that is an entry of ``environment_variables``.
    """

    model_config = SettingsConfigDict(extra="ignore", use_attribute_docstrings=True)

    azureml_model_dir: Path = Path("models/demo")
    """Folder that holds `config.json` and `model.safetensors`, itself or one level below. Set by
    Azure ML."""

    checkpoint_sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    """Refuse to serve unless `model.safetensors` has this SHA-256 (64 lower-case hex digits)."""

    model_name: str | None = None
    """Name shown in answers; by default the checkpoint's own, else the registered model's."""

    model_version: str | None = None
    """Version shown in answers; by default the registered model's."""

    engine: Literal["auto", "cuda", "openvino", "torch"] = "auto"
    """What runs the model. `auto`: `cuda` where torch finds an NVIDIA GPU, else OpenVINO on the
    CPU. `torch` is the reference, through timm."""

    precision: Literal["auto", "fp32", "fp16", "bf16", "int8"] = "auto"
    """Arithmetic of the engine. `auto`: what `scripts/optimise.py` chose for this checkpoint, if it
    was run; else bf16 where the hardware multiplies bf16 natively, else fp32 on a CPU and fp16 on a
    GPU. fp16 is for GPUs, int8 for CPUs."""

    threads: int = Field(default=0, ge=0, le=1024)
    """Cores used for inference on a CPU; 0 takes all that the process may use."""

    embedding_layers: Numbers = ()
    """Blocks of the model, from 0, whose pooled patch tokens are given beside the embedding, such
    as `3,7,11`; by default none."""

    policy_file: Path | None = None
    """YAML policy that turns levels into decisions; by default the one in the package."""

    max_image_bytes: int = Field(default=20 * MIB, ge=1)
    """Largest encoded image, in bytes."""

    max_image_pixels: int = Field(default=50_000_000, ge=1, le=178_956_970)
    """Largest image, in pixels (width x height; of an animation, of its scored frames together),
    checked before anything is decoded. The upper bound is Pillow's own."""

    scaled_decoding: bool = True
    """Decode large JPEGs at 1/2, 1/4 or 1/8 of their size, but never below twice what the model
    sees. Faster, and hardly different: docs/engines.md has figures; `false` is exact."""

    max_frames: int = Field(default=3, ge=1, le=64)
    """Frames scored of an animated image: first, last and evenly spaced between. The still that
    some APNGs show in place of their animation comes extra."""

    max_video_frames: int = Field(default=32, ge=1)
    """Frames scored of a video in a batch job: first, last and evenly spaced between, until one of
    them is to be blocked."""

    max_images_per_request: int = Field(default=64, ge=1)
    """Most images in one request."""

    max_request_bytes: int = Field(default=100 * MIB, ge=1)
    """Largest request body, in bytes."""

    request_timeout_ms: int = Field(default=4500, ge=0)
    """Time for one HTTP request, in milliseconds; 0: no limit. A request that would take longer, by
    what waits for the engine, is refused at once (429); what is not reached in time is not scored
    (504). Keep it below the deployment's own `request_timeout_ms`, whose default is 5000."""

    result_cache_size: int = Field(default=0, ge=0)
    """Images whose scores are remembered, so that the same bytes are not scored again; 0: none.
    Each takes about 10 kB."""

    azureml_bi_output_path: Path | None = None
    """Folder to which a batch job writes its rows, as Parquet. Set by Azure ML."""

    batch_embeddings: bool = False
    """Whether the rows of a batch job carry the embeddings, as float16."""

    collect_scores: bool = False
    """Hand levels, decisions and scores of online requests to Azure ML's data collector, as the
    collection `model_outputs`: nothing of the images or the requests but width and height. Needs
    the package azureml-ai-monitoring and `data_collector` in the deployment."""

    @classmethod
    def from_environment(cls) -> Settings:
        """Read the settings from the environment variables.

        Raises:
            SettingsError: A variable has a value that is not allowed; the message names it.
        """
        try:
            return cls()
        except ValidationError as error:
            problems = "; ".join(
                f"{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors()
            )
            raise SettingsError(f"Environment variable not valid: {problems}.") from None
