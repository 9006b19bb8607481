from __future__ import annotations

import numpy as np

from nsfw_detector.vectors import normalized


def test_the_direction_stays() -> None:
    vector = np.array([3, -4], dtype=np.float32)
    unit = normalized(vector)
    assert unit.dtype == np.float32
    np.testing.assert_allclose(unit, [0.6, -0.8], rtol=1e-6)
    np.testing.assert_array_equal(vector, [3, -4])


def test_what_has_no_direction_stays_as_it_is() -> None:
    np.testing.assert_array_equal(normalized(np.zeros(3, dtype=np.float32)), np.zeros(3))
