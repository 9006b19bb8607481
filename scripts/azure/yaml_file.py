"""Load a YAML file with the SDK's own loaders, and say in plain words what they have against it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from scripts.errors import OperatorError

ADVICE = re.compile(r"(?:Visit this link|The easiest way|Additional Resources).*", re.DOTALL)
"""What the SDK says after every mistake in a file."""


def load(
    loader: Callable[..., Any],
    path: Path,
    replaced: Mapping[str, str] | None = None,
    remedy: str = "See https://learn.microsoft.com/azure/machine-learning/reference-yaml-overview",
) -> Any:
    """Load an entity of the SDK.

    Args:
        loader: The SDK's function.
        path: The file.
        replaced: Fields that take the place of the file's own.
        remedy: What to do where the file is not accepted.

    Raises:
        OperatorError: The file is missing, or the SDK does not accept it.
    """
    try:
        return loader(
            path, params_override=[{field: value} for field, value in (replaced or {}).items()]
        )
    except OSError as error:
        raise OperatorError(
            f"{path} cannot be read: {error.strerror}.", "Look at the path."
        ) from None
    except Exception as error:  # the SDK's loaders raise many kinds
        text = ADVICE.sub("", str(getattr(error, "message", None) or error))
        raise OperatorError(
            f"{path} is not accepted by the SDK: {' '.join(text.split())[:600]}", remedy
        ) from None
