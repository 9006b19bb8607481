"""Signatures of the MLflow models: what they take and give, with an example of the input."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

from nsfw_detector.protocols.frames import IMAGE
from nsfw_detector.protocols.images import EXAMPLE

Flavour: TypeAlias = Literal["online", "batch", "spark"]
"""What the input is. `online`: a column of base64 text. `batch`: arrays, because Azure's batch jobs
without scoring script decode the images themselves. `spark`: a column of bytes, or one of paths."""


def signature(labels: Sequence[str], flavour: Flavour) -> Any:
    """The signature of a model with these labels."""
    from mlflow.models import ModelSignature

    outputs = _structs(labels) if flavour == "spark" else _flat(labels)
    return ModelSignature(inputs=_inputs(flavour), outputs=outputs)


def example(flavour: Flavour) -> Any:
    """An input, which `mlflow_folder.verify` scores."""
    import numpy as np
    import pandas as pd

    if flavour == "online":
        return pd.DataFrame({IMAGE: [EXAMPLE]})
    if flavour == "spark":
        return pd.DataFrame({IMAGE: [base64.b64decode(EXAMPLE)]})
    return np.full((1, 2, 2, 3), 255, dtype=np.uint8)


def _inputs(flavour: Flavour) -> Any:
    import numpy as np
    from mlflow.types import ColSpec, Schema, TensorSpec

    from nsfw_detector.spark_model import PATH

    if flavour == "online":
        return Schema([ColSpec("string", IMAGE)])
    if flavour == "spark":
        kinds = {IMAGE: "binary", PATH: "string"}
        return Schema([ColSpec(kind, name, required=False) for name, kind in kinds.items()])
    return Schema([TensorSpec(np.dtype("uint8"), (-1, -1, -1, 3))])


def _flat(labels: Sequence[str]) -> Any:
    from mlflow.types import ColSpec, Schema

    from nsfw_detector.mlflow_model import columns

    names = columns(labels)
    kinds = ["string", "string", *["double"] * (len(names) - 4), "string", "string"]
    return Schema(
        [ColSpec(kind, name, required=False) for name, kind in zip(names, kinds, strict=True)]
    )


def _structs(labels: Sequence[str]) -> Any:
    from mlflow.types import ColSpec, Schema
    from mlflow.types.schema import Object, Property

    from nsfw_detector.batch.rows import schema
    from nsfw_detector.spark_model import structs

    kinds = {"string": "string", "float": "float", "int32": "integer"}
    types = {field.name: kinds[str(field.type)] for field in schema(labels)}
    return Schema(
        [
            ColSpec(Object([Property(n, types[n], required=False) for n in names]), struct)
            for struct, names in structs(labels).items()
        ]
    )
