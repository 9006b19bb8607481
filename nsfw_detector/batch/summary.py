"""What a table of results comes to, counted part by part."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from nsfw_detector.batch.rows import LABELS_KEY
from nsfw_detector.policy import DECISIONS

READERS = 16
"""Parts read at once: those in a container wait for the network."""

Part = TypeVar("Part")


def _as_it_is(part: Any) -> Any:
    return part


@dataclass(frozen=True, slots=True)
class Throughput:
    """How fast one run was, on all its nodes together.

    Attributes:
        files: That it has scored.
        images: Those of them without an error.
        seconds: That these took, without loading the model.
    """

    files: int
    images: int
    seconds: float

    @property
    def images_per_second(self) -> float:
        """Images without error, by the time that all files took."""
        return self.images / self.seconds if self.seconds else 0.0

    @classmethod
    def of_parts(
        cls,
        written: Mapping[Part, float],
        summary: Summary,
        open: Callable[[Part], Any] = _as_it_is,
    ) -> Throughput | None:
        """Tell it by when the parts of a table were written.

        The first part tells when rows began to come, not how long they took: what was written after
        it counts, whichever node wrote it.

        Args:
            written: Each part, and when it was written, in seconds.
            summary: Of all parts.
            open: Gives the path or the open file of a part.

        Returns:
            None if all parts are of the same moment.
        """
        first = min(written.values(), default=0.0)
        seconds = max(written.values(), default=0.0) - first
        if not seconds:
            return None
        begun = Summary.of_parts((part for part, when in written.items() if when == first), open)
        return cls(summary.files - begun.files, summary.images - begun.images, seconds)

    def text(self) -> str:
        """One line to be read in a terminal."""
        return (
            f"throughput: {self.images_per_second:.2f} images/s "
            f"({self.files:,} files in {self.seconds:.1f} s)"
        )


@dataclass(frozen=True, slots=True)
class Judge:
    """A model that scored some of the files.

    Attributes:
        name: As in the column `model_name`; likewise the next three.
        version: May be empty.
        digest: Of its weights.
        engine: That computed it.
        files: That it scored.
    """

    name: str
    version: str
    digest: str
    engine: str
    files: int


@dataclass(frozen=True, slots=True)
class Summary:
    """Counts over a table.

    Attributes:
        files: Rows.
        levels: Files of each level, least severe first.
        decisions: Files of each decision, mildest first.
        errors: Files of each error code, most frequent first.
        models: What judged the files, the one of most files first.
    """

    files: int
    levels: dict[str, int]
    decisions: dict[str, int]
    errors: dict[str, int]
    models: tuple[Judge, ...] = ()

    @classmethod
    def of_parts(cls, parts: Iterable[Part], open: Callable[[Part], Any] = _as_it_is) -> Summary:
        """Count the rows of parts; only a few are in memory at a time.

        Args:
            parts: Paths of parts, or what `open` takes.
            open: Gives the path or the open file of a part.
        """
        labels: dict[str, None] = {}
        counted: Counter[tuple[str | None, ...]] = Counter()
        with ThreadPoolExecutor(READERS) as pool:
            for names, counts in pool.map(lambda part: _count(open(part)), parts):
                labels |= dict.fromkeys(names)
                counted.update(counts)

        def by(*columns: str) -> Counter[Any]:
            places = [_COLUMNS.index(column) for column in columns]
            counter: Counter[Any] = Counter()
            for values, count in counted.items():
                counter[tuple(values[place] for place in places)] += count
            return counter

        levels, decisions, errors = by("level"), by("decision"), by("error_code")
        del errors[None,]
        models = by("model_name", "model_version", "model_digest", "engine")
        return cls(
            counted.total(),
            {label: levels[label,] for label in labels},
            {decision: decisions[decision,] for decision in DECISIONS},
            {code: count for (code,), count in errors.most_common()},
            tuple(
                Judge(*each) for each in ((*judge, count) for judge, count in models.most_common())
            ),
        )

    @property
    def images(self) -> int:
        """Files without an error."""
        return self.files - sum(self.errors.values())

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
            throughput: Of the run that wrote the rows last, where it is known.
        """
        run = None
        if throughput:
            rate = round(throughput.images_per_second, 3)
            run = {**asdict(throughput), "images_per_second": rate}
        path = folder / "_summary.json"
        path.write_text(json.dumps({**asdict(self), "last_run": run}, indent=2) + "\n")
        return path


_COLUMNS = (
    "level",
    "decision",
    "error_code",
    "model_name",
    "model_version",
    "model_digest",
    "engine",
)


def _count(part: Any) -> tuple[list[str], Counter[tuple[str | None, ...]]]:
    """The labels of a part, and how many of its rows have the same values in `_COLUMNS`."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(part) as file:
        table = file.read(columns=list(_COLUMNS))
    groups = table.group_by(list(_COLUMNS)).aggregate([([], "count_all")]).to_pylist()
    counts = {tuple(g[column] for column in _COLUMNS): g["count_all"] for g in groups}
    return list(json.loads(table.schema.metadata[LABELS_KEY])), Counter(counts)
