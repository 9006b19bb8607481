"""A folder with `config.json` and `model.safetensors` -> verified tensors, labels, transform."""

from nsfw_detector.checkpoint.checkpoint import Checkpoint
from nsfw_detector.checkpoint.config import CheckpointConfig
from nsfw_detector.checkpoint.eva02 import Eva02Spec
from nsfw_detector.checkpoint.tensors import TensorFile

__all__ = ["Checkpoint", "CheckpointConfig", "Eva02Spec", "TensorFile"]
