"""What a table of results comes to, counted part by part."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from nsfw_detector.batch.rows import LABELS_KEY
from nsfw_detector.policy import DECISIONS


@dataclass(frozen=True, slots=True)
class Throughput:
    """How fast one run was.

    Attributes:
        files: That it has scored.
        images: Those of them without an error.
        seconds: From its first file to its last, without loading the model.
    """

    files: int
    images: int
    seconds: float

    @property
    def images_per_second(self) -> float:
        """Images without error, by the time that all files took."""
        return self.images / self.seconds if self.seconds else 0.0


@dataclass(frozen=True, slots=True)
class Summary:
    """Counts over a table.

    Attributes:
        files: Rows.
        levels: Files of each level, least severe first.
        decisions: Files of each decision, mildest first.
        errors: Files of each error code, most frequent first.
    """

    files: int
    levels: dict[str, int]
    decisions: dict[str, int]
    errors: dict[str, int]

    @classmethod
    def of_parts(cls, parts: Iterable[Path]) -> Summary:
        """Count the rows of parts; only one is in memory at a time."""
        import pyarrow.parquet as pq

        labels: dict[str, None] = {}
        files = 0
        columns = ("level", "decision", "error_code")
        counters: dict[str, Counter[str]] = {column: Counter() for column in columns}
        for part in parts:
            table = pq.ParquetFile(part).read(columns=list(columns))
            files += table.num_rows
            labels |= dict.fromkeys(json.loads(table.schema.metadata[LABELS_KEY]))
            for column, counter in counters.items():
                for each in table[column].drop_null().value_counts().to_pylist():
                    counter[each["values"]] += each["counts"]
        levels, decisions, errors = counters.values()
        return cls(
            files,
            {label: levels[label] for label in labels},
            {decision: decisions[decision] for decision in DECISIONS},
            dict(errors.most_common()),
        )

    def text(self) -> str:
        """Three short tables to be read in a terminal."""
        groups = [("level", self.levels), ("decision", self.decisions), ("error", self.errors)]
        lines = []
        for title, counts in groups:
            for name, count in counts.items():
                share = 100 * count / max(1, self.files)
                lines.append(f"{title:<9} {name:<26} {count:>10,} {share:>7.2f} %")
                title = ""
        return "\n".join([f"{'files':<36} {self.files:>10,}", *lines])

    def write(self, folder: Path, throughput: Throughput | None) -> Path:
        """Write _summary.json beside the parts.

        Args:
            folder: That of the parts.
            throughput: Of the run that has just ended, if it scored anything.
        """
        run = None
        if throughput:
            rate = round(throughput.images_per_second, 3)
            run = {**asdict(throughput), "images_per_second": rate}
        path = folder / "_summary.json"
        path.write_text(json.dumps({**asdict(self), "last_run": run}, indent=2) + "\n")
        return path
