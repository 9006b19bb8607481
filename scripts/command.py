"""How the scripts for operators start and end."""

from __future__ import annotations

import argparse
import logging
import math
import os
import sys
from collections.abc import Callable

from nsfw_detector.errors import DetectorError
from scripts.errors import OperatorError


def new_parser(doc: str | None, *, changes: bool) -> argparse.ArgumentParser:
    """Make the parser of a script.

    Args:
        doc: The script's docstring: what it does, then its examples.
        changes: Whether it changes anything in Azure; it then has `--dry-run`.
    """
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    if changes:
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would be done, and do nothing"
        )
    return parser


def whole_number(low: int, high: float = math.inf) -> Callable[[str], int]:
    """Make the `type` of an argument that is a whole number.

    Args:
        low: The least that is accepted.
        high: The most.
    """

    def read(text: str) -> int:
        if text.isascii() and text.isdecimal() and low <= int(text) <= high:
            return int(text)
        raise argparse.ArgumentTypeError(f"{text} is no whole number {_range(low, high)}")

    return read


def number(low: float, high: float = math.inf) -> Callable[[str], float]:
    """Make the `type` of an argument that is a number, perhaps with a fraction.

    Args:
        low: The least that is accepted.
        high: The most.
    """

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if math.isfinite(value) and low <= value <= high:
            return value
        raise argparse.ArgumentTypeError(f"{text} is no number {_range(low, high)}")

    return read


def _range(low: float, high: float) -> str:
    return f"from {low:g} on" if high == math.inf else f"from {low:g} to {high:g}"


def run(main: Callable[[], int | None]) -> None:
    """Run a script's `main` and end the process: what goes wrong is said in plain words.

    Exit status: what `main` returns (None: 0); 1 after an error; 130 after Ctrl-C.
    """
    # Azure's SDK reports every request and every experimental class through these, and what it is
    # about to do through loggers with levels of their own.
    logging.disable(logging.INFO)
    for name in ("azure", "azure.ai.ml._utils._experimental", "msrest", "msal"):
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        sys.exit(main())
    except OperatorError as error:
        sys.exit(f"{error.what}\n{error.remedy}")
    except DetectorError as error:
        sys.exit(error.message)
    except BrokenPipeError:  # whoever read this has gone, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except KeyboardInterrupt:
        print("\nStopped. Running it again goes on where this stopped.", file=sys.stderr)
        sys.exit(130)
