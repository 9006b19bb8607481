"""Trains a tiny EVA-02 on drawn pictures, and saves it in the original's files and format."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import save_file
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from nsfw_detector.torchvision_shim import ensure_importable
from scripts.demo_images import LEVELS, example
from scripts.demo_training.recipe import (
    ARCHITECTURE,
    BATCH,
    CONFIG,
    LEARNING_RATE,
    MEAN,
    MODEL_ARGS,
    SIDE,
    STD,
)

WORKERS = 2
"""Processes that draw. Drawing costs more than training, so torch itself keeps to one thread."""


class Drawings(Dataset[tuple[NDArray[np.uint8], int]]):
    """Training pictures of a seed, scaled for the model, (3, side, side), and their levels."""

    def __init__(self, seed: int, count: int) -> None:
        self._seed = seed
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> tuple[NDArray[np.uint8], int]:
        drawn = example(self._seed, index)
        image = drawn.image.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        return np.asarray(image).transpose(2, 0, 1).copy(), drawn.level


def train(steps: int, seed: int) -> torch.nn.Module:
    """Train a tiny EVA-02 from nothing.

    Args:
        steps: Number of batches, each of new pictures.
        seed: Decides the first weights and all pictures.
    """
    ensure_importable()
    import timm  # imports torchvision

    torch.manual_seed(seed)
    model: torch.nn.Module = timm.create_model(
        ARCHITECTURE, pretrained=False, num_classes=len(LEVELS), **MODEL_ARGS
    ).train()
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.05
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, LEARNING_RATE, total_steps=steps + 1, pct_start=0.1
    )
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (MEAN, STD))
    progress = Progress(steps)
    batches = DataLoader(Drawings(seed, steps * BATCH), BATCH, num_workers=WORKERS)
    for pixels, levels in batches:
        inputs = pixels.float().div(255).sub(mean).div(std)
        logits = model(inputs)
        loss = functional.cross_entropy(logits, levels)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        accuracy = (logits.argmax(1) == levels).float().mean()
        progress.update(loss.item(), accuracy.item())
    return model.eval()


class Progress:
    """Prints means of the last steps' loss and accuracy, and the time left, twenty times a run."""

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._began = time.monotonic()
        self._step = 0
        self._recent: list[tuple[float, float]] = []

    def update(self, loss: float, accuracy: float) -> None:
        """Count one step."""
        self._step += 1
        self._recent.append((loss, accuracy))
        if self._step % max(1, self._steps // 20) and self._step < self._steps:
            return
        loss, accuracy = np.mean(self._recent, axis=0)
        self._recent.clear()
        left = (time.monotonic() - self._began) / self._step * (self._steps - self._step)
        print(
            f"step {self._step}/{self._steps}  loss {loss:.3f}  accuracy {accuracy:.3f}"
            f"  {left:.0f} s left",
            flush=True,
        )


def save(model: torch.nn.Module, folder: Path) -> None:
    """Write config.json and model.safetensors as the original has them: timm's keys, bfloat16."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(CONFIG, indent=2) + "\n", encoding="utf-8")
    tensors = {key: value.to(torch.bfloat16) for key, value in model.state_dict().items()}
    weights = folder / "model.safetensors"
    save_file(tensors, weights, metadata={"format": "pt"})
    weights.chmod(0o644)  # safetensors leaves it readable by its owner alone
