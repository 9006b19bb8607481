"""Many files, one row each: what a batch endpoint, a component and a folder run share."""

from nsfw_detector.batch.mini_batch import MiniBatches
from nsfw_detector.batch.scoring import FileScore, score_files

__all__ = ["FileScore", "MiniBatches", "score_files"]
