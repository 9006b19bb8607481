"""What a batch job calls with each mini-batch of files."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from nsfw_detector.batch.parts import part_name, require_pyarrow, write_part
from nsfw_detector.batch.paths import relative_path
from nsfw_detector.batch.rows import to_json, to_table
from nsfw_detector.batch.scoring import score_files
from nsfw_detector.detector import Detector
from nsfw_detector.errors import DetectorError, ImageUnavailableError, StorageError

logger = logging.getLogger(__name__)


class MiniBatches:
    """Scores mini-batches, and writes the rows of each as one part of a table.

    Args:
        detector: Scores the files.
        output: Folder for the parts; None: nothing is written.
        root: The folder that holds the input, where it is known; paths are noted below it.
        embedding: Whether rows carry the embeddings.

    Raises:
        SettingsError: There is an output, but pyarrow is not installed.
    """

    def __init__(
        self,
        detector: Detector,
        output: Path | None,
        root: Path | None = None,
        *,
        embedding: bool = False,
    ) -> None:
        if output is not None:
            require_pyarrow()
        self._detector = detector
        self._output = output
        self._root = root
        self._embedding = embedding

    @classmethod
    def of_job(cls, detector: Detector) -> Self:
        """Make it for the batch job whose settings the detector was made with.

        Raises:
            SettingsError: There is an output, but pyarrow is not installed.
        """
        settings = detector.settings
        return cls(detector, settings.azureml_bi_output_path, embedding=settings.batch_embeddings)

    def score(self, files: Sequence[str]) -> list[str]:
        """Score the files of a mini-batch.

        Args:
            files: Local paths, as the job mounts them.

        Returns:
            One line of JSON for each file, in order: the job counts each as a success. A file that
            cannot be scored has its error in its row, and never fails its mini-batch.

        Raises:
            StorageError: Most of the files could not be fetched. Nothing is written, so that the
                job tries the mini-batch again.
        """
        started = time.perf_counter()
        scores = list(score_files(self._detector, files, embedding=self._embedding))
        failed = sum(isinstance(score.result, ImageUnavailableError) for score in scores)
        if failed > len(files) / 2:
            raise StorageError(
                f"{failed} of {len(files)} files could not be fetched: the storage or its mount "
                "fails. Nothing is written for this mini-batch, which the job tries again."
            )
        paths = [relative_path(file, self._root) for file in files]
        if self._output is not None:
            size = self._detector.embedding_size if self._embedding else None
            table = to_table(scores, paths, self._detector.info, size)
            write_part(self._output, part_name(paths), table)
        seconds = time.perf_counter() - started
        logger.info(
            "Mini-batch of %d files, %d with errors, in %.1f s (%.2f images/s)",
            len(files),
            sum(isinstance(score.result, DetectorError) for score in scores),
            seconds,
            len(files) / seconds,
        )
        return [to_json(score, path) for score, path in zip(scores, paths, strict=True)]
