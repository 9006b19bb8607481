from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    """The scripts keep torch to one thread; the tests after them need not."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
