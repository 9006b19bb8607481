"""Two deployments compared; one side answers as the real detector does."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scripts.azure.rollout.agreement import compare, render, write_report
from scripts.azure.scoring.client import Scored, ScoringClient
from scripts.image_files import find_images
from scripts.local_server import LocalServer

SAMPLES = Path("samples")


class Altered:
    """Asks a real server, and alters what it says."""

    def __init__(self, client: ScoringClient, alter: Callable[[dict[str, Any]], None]) -> None:
        self._client = client
        self._alter = alter

    def score(self, image: bytes) -> Scored:
        scored = self._client.score(image)
        self._alter(scored.result)
        return scored


@pytest.fixture(scope="module")
def client(demo_server: LocalServer) -> ScoringClient:
    return ScoringClient(f"{demo_server.url}/score")


def test_a_deployment_agrees_with_itself(client: ScoringClient, photos: list[Path]) -> None:
    agreement = compare(("blue", client), ("green", client), photos)
    assert agreement.levels == agreement.decisions == 100
    assert agreement.summary()["largest change of a probability"] == 0
    assert agreement.differing() == []


def test_what_differs_is_counted_and_listed(
    client: ScoringClient, photos: list[Path], tmp_path: Path
) -> None:
    def stricter(result: dict[str, Any]) -> None:
        if result["decision"] == "review":
            result["decision"] = "block"
            result["at_least"]["high"] += 0.25

    agreement = compare(("blue", client), ("green", Altered(client, stricter)), photos)
    expected = 100 * (len(photos) - 1) / len(photos)  # one sample is reviewed
    assert agreement.decisions == pytest.approx(expected)
    assert agreement.levels == 100
    assert agreement.summary()["largest change of a probability"] == pytest.approx(0.25)
    [pair] = agreement.differing()
    assert Path(pair.image).name == "demo-medium.png"
    assert "review -> block" in render(agreement)

    write_report(agreement, tmp_path / "report.json")
    report = json.loads((tmp_path / "report.json").read_text())
    assert len(report["images"]) == len(photos)
    assert report["summary"]["same decision, %"] == round(expected, 2)
    write_report(agreement, tmp_path / "report.md")
    assert "demo-medium.png" in (tmp_path / "report.md").read_text()


def test_an_image_that_neither_can_read_agrees(client: ScoringClient, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"not an image")
    agreement = compare(("blue", client), ("green", client), find_images(tmp_path))
    assert agreement.decisions == 100
    assert agreement.pairs[0].new_decision.startswith("image_")


def test_an_image_that_only_one_can_read_differs(client: ScoringClient, photos: list[Path]) -> None:
    def fail(result: dict[str, Any]) -> None:
        result.clear()
        result["error"] = {"code": "image_unreadable", "message": "no"}

    agreement = compare(("blue", client), ("green", Altered(client, fail)), photos[:2])
    assert agreement.decisions == 0
    assert agreement.summary()["largest change of a probability"] == 1


def test_a_long_list_of_differences_is_cut(client: ScoringClient, photos: list[Path]) -> None:
    def rename(result: dict[str, Any]) -> None:
        result["level"] = "other"

    agreement = compare(("blue", client), ("green", Altered(client, rename)), photos)
    assert f"{len(photos) - 2} more" in render(agreement, most=2)
