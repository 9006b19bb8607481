from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from nsfw_detector.telemetry import Telemetry


def test_no_count_is_lost_among_threads() -> None:
    telemetry = Telemetry()

    def count(_: int) -> None:
        telemetry.count("dropped")
        telemetry.count_results([None, "image_empty"])
        telemetry.count_batch(3, queue_seconds=0.5, inference_seconds=0.25)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count, range(400)))
    assert telemetry.snapshot() == {
        "images": 800,
        "errors": {"image_empty": 400},
        "rejected": 0,
        "dropped": 400,
        "shared": 0,
        "cache_hits": 0,
        "cache_misses": 0,
        "batches": 400,
        "batch_sizes": {"3": 400},
        "queue_seconds": 200.0,
        "inference_seconds": 100.0,
    }
