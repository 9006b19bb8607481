from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.experiments.merging import match
from benchmarks.experiments.merging_model import MergingEva02
from benchmarks.experiments.token_merging import main, per_block, work
from nsfw_detector.checkpoint import Checkpoint
from nsfw_detector.engines.openvino_engine import required_spec
from nsfw_detector.engines.torch_engine import TorchEngine
from scripts.paths import DEMO
from tests.checkpoints import tiny_config, write_checkpoint


def images(count: int, side: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (count, side, side, 3), dtype=np.uint8)


@pytest.mark.parametrize("form", ["demo", "fused"])
def test_without_merging_it_is_the_model(form: str, tmp_path: Path) -> None:
    config = tiny_config(
        architecture="eva02_tiny_patch14_224", model_args={"img_size": 56, "depth": 2}
    )
    folder = DEMO if form == "demo" else write_checkpoint(tmp_path, config)
    checkpoint = Checkpoint.load(folder)
    batch = images(3, checkpoint.config.preprocess.height)
    expected = TorchEngine(checkpoint, "fp32", threads=1).infer(batch).logits
    with torch.inference_mode():
        own = MergingEva02(checkpoint, merged=0)(torch.from_numpy(batch)).numpy()
    np.testing.assert_allclose(own, expected, atol=1e-4)


@pytest.mark.parametrize("rotated_keys", [False, True])
@pytest.mark.parametrize(("merged", "tokens"), [(0, 65), (3, 53), (12, 17), (99, 5)])
def test_merging_keeps_the_sum_of_sizes(merged: int, tokens: int, rotated_keys: bool) -> None:
    model = MergingEva02(Checkpoint.load(DEMO), merged, rotated_keys=rotated_keys)
    with torch.inference_mode():
        logits, sizes = model.forward_sizes(torch.from_numpy(images(2, 112)))
    assert torch.isfinite(logits).all()
    assert sizes.shape == (2, tokens, 1)
    assert sizes.sum(1).tolist() == [[65], [65]]
    assert sizes[:, 0].tolist() == [[1], [1]], "the class token never merges"


def test_output_i_belongs_to_input_i() -> None:
    model = MergingEva02(Checkpoint.load(DEMO), merged=6)
    batch = torch.from_numpy(images(4, 112))
    batch[1] //= 3
    batch[2] //= 9
    with torch.inference_mode():
        together = model(batch)
        alone = torch.cat([model(image[None]) for image in batch])
        turned = model(batch.flip(0)).flip(0)
    assert (together[0] - together[2]).abs().max() > 0.01
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=0)
    torch.testing.assert_close(together, turned, atol=1e-4, rtol=0)


def test_the_most_similar_pairs_merge() -> None:
    class_token, a, b, c = torch.eye(4)
    # sources a, b, c meet targets c, a (twice the length), b
    keys = torch.stack([class_token, a, c, b, 2 * a, c + 0.1 * a, b + 0.5 * a])[None]
    matching = match(keys, count=2)
    sizes = matching.sum(torch.ones(1, 7, 1))
    # class token, the source left over (b), then targets: c with c', a with a, b'
    assert sizes.flatten().tolist() == [1, 1, 2, 2, 1]
    torch.testing.assert_close(matching.sum(keys)[0, 3], 3 * a)


def test_equal_tokens_can_merge_without_a_trace() -> None:
    """Where all patches are alike, tokens differ by position only, and angles by mean position."""
    values = torch.ones(1, 9, 3)
    matching = match(values, count=4)
    sizes = matching.sum(torch.ones(1, 9, 1))
    torch.testing.assert_close(matching.sum(values) / sizes, torch.ones(1, 5, 3))


def test_work_counts_blocks() -> None:
    spec = required_spec(Checkpoint.load(DEMO))
    assert per_block(spec, 0.5) == 8
    assert work(spec, 0) == 1
    assert 0.5 < work(spec, 12) < work(spec, 8) < 1


def test_the_script_runs(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--pictures", "10", "--rounds", "1", "--speed", str(tiny)])
    printed = capsys.readouterr().out
    assert printed.count("| before rotation |") == printed.count("| after rotation |") == 6
    assert "100.00%" in printed
