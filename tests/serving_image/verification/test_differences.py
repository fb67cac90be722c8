"""What clearly agrees is told quickly, and just as everything else."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from paddlemodel_server.verification import differences, rules
from paddlemodel_server.verification.differences import Tolerance, Tolerances

INF, NAN = np.inf, np.nan


def compared(one: Any, other: Any, tolerance: Tolerance, *, quickly: bool) -> differences.Difference:
    with pytest.MonkeyPatch.context() as patched:
        if not quickly:
            patched.setattr(differences, "_near", lambda *_: None)
        (found,) = differences.compare({"y": one}, {"y": other}, Tolerances(default=tolerance))
    return found


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64])
@pytest.mark.parametrize("spread", [0.0, 1e-7, 1e-3, 1e-2, 1.0])
def test_the_quick_way_says_the_same(dtype: type, spread: float) -> None:
    random = np.random.default_rng(3)
    for shape in ((1, 4), (3, 0), (2, 3, 5), ()):
        one: Any = np.asarray(random.normal(size=shape)).astype(dtype)
        other: Any = np.asarray(one + spread * random.normal(size=shape)).astype(dtype)
        for tolerance in (rules.EXACT, rules.COARSE, replace(rules.EXACT, top_k=2)):
            slow = compared(one, other, tolerance, quickly=False)
            assert compared(one, other, tolerance, quickly=True) == slow


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([1.0, NAN], [1.0, NAN]),
        ([1.0, NAN], [1.0, 2.0]),
        ([1.0, 2.0], [1.0, NAN]),
        ([1.0, INF], [1.0, INF]),
        ([1.0, INF], [1.0, -INF]),
        ([1.0, INF], [1.0, 2.0]),
        ([1.0, 2.0], [1.0, INF]),
        ([0.0, 1e-45], [0.0, 0.0]),
        ([3e38, -3e38], [-3e38, 3e38]),
    ],
)
def test_what_is_no_number_is_left_to_the_slow_way(one: list[float], other: list[float]) -> None:
    arrays = np.array(one, np.float32), np.array(other, np.float32)
    slow = compared(*arrays, rules.COARSE, quickly=False)
    assert compared(*arrays, rules.COARSE, quickly=True) == slow
