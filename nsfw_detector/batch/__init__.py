"""Many files, one row each: what a batch endpoint, a component and a folder run share."""

from nsfw_detector.batch.mini_batch import MiniBatches
from nsfw_detector.batch.scoring import FileScore, Item, score_files, score_items

__all__ = ["FileScore", "Item", "MiniBatches", "score_files", "score_items"]
