"""What is told about each input: one flat record, as a batch job's rows are."""

from __future__ import annotations

from typing import Any, TypeAlias

from scripts.azure.scoring.client import Scored

Row: TypeAlias = dict[str, Any]
"""`file`, and either level, decision and probabilities, or `error` with `code` and `message`."""


def result_row(
    file: str, scored: Scored, size: tuple[int, int] | None, original: int, sent: int
) -> Row:
    """Make the row of an image that was answered.

    Args:
        file: The input's path.
        scored: The answer; the image's own error may be in it.
        size: Width and height of the original, if another picture was sent.
        original: Bytes of the file.
        sent: Bytes of the image as it was sent.
    """
    result, model = scored.result, scored.model
    row: Row = {"file": file}
    if error := result.get("error"):
        row["error"] = error
    else:
        width, height = size or (result["width"], result["height"])
        row |= {
            "level": result["level"],
            "decision": result["decision"],
            **result["scores"],
            **{f"at_least_{label}": value for label, value in result["at_least"].items()},
            "width": width,
            "height": height,
            **{key: result[key] for key in ("frames", "frame") if key in result},
        }
    return row | {
        "model": f"{model['name']}:{model['version']}",
        "digest": model["digest"],
        "bytes": original,
        "bytes_sent": sent,
        "seconds": round(scored.seconds, 3),
        "attempts": scored.attempts,
    }


def error_row(file: str, code: str, message: str, attempts: int = 0) -> Row:
    """Make the row of an input that got no answer."""
    return {"file": file, "error": {"code": code, "message": message}, "attempts": attempts}


def labels_of(row: Row) -> list[str]:
    """Levels above the lowest, in rising order, by the names of a row's columns."""
    prefix = "at_least_"
    return [key.removeprefix(prefix) for key in row if key.startswith(prefix)]
