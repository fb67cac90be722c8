"""How often chance alone would end a good canary, and how surely a bad one is found.

`latencies.json` has latencies of real requests to a real server, one after the other in tens of microseconds,
on a machine that others used as well: bursts and stalls are in it. A rollout draws whole stretches of it,
since what made one request late made its neighbours late. Every seed is fixed.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from paddlemodel_operator.rollout.judgement import Agreement, Kind, Limits, Window, judge

RECORDED: dict[str, list[int]] = json.loads(Path(__file__).with_name("latencies.json").read_text())
# The buckets of paddle_request_duration_seconds.
SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
ROLLOUTS = 200
STRETCH = 25
WINDOW = 30_000  # requests of one canary beside three pods: a quarter of 200 a second, in ten minutes
LOOKS = 15  # while they come: more would be slower to test, and hardly find more
LIMITS = Limits(error_percent=1, p95_ratio=1.5, disagreement_percent=1, min_requests=200)
ABORTS = {Kind.ERRORS, Kind.LATENCY, Kind.DISAGREEMENT}


@dataclass(frozen=True, kw_only=True)
class Version:
    """How one answers."""

    errors: float = 0.0
    slower: float = 1.0
    differs: float = 0.0


def _grown(
    chance: np.random.Generator, recorded: NDArray[np.int64], version: Version, requests: int
) -> Iterator[Window]:
    """What has been counted at each look."""
    starts = chance.integers(len(recorded) - STRETCH, size=-(-requests // STRETCH))
    spent = (recorded[starts[:, None] + np.arange(STRETCH)] * (1e-5 * version.slower)).ravel()
    bucket = np.searchsorted(SECONDS, spent)
    failed = chance.random(spent.size) < version.errors
    for look in range(1, LOOKS + 1):
        done = -(-(requests * look // LOOKS) // STRETCH) * STRETCH
        counts = np.bincount(bucket[:done], minlength=len(SECONDS) + 1).cumsum().tolist()
        buckets = tuple(zip((*SECONDS, inf), counts, strict=True))
        errors, seconds = int(failed[:done].sum()), float(spent[:done].sum())
        yield Window(requests=done, errors=errors, buckets=buckets, seconds=seconds)


def _rollout(
    seed: int, recorded: NDArray[np.int64], versions: tuple[Version, Version], requests: int
) -> Kind:
    """The verdict that ends it, or the last one."""
    chance, differing, kind = np.random.default_rng(seed), 0, Kind.TOO_FEW
    stable, canary = versions
    windows = zip(
        _grown(chance, recorded, stable, 3 * requests),
        _grown(chance, recorded, canary, requests),
        strict=True,
    )
    for before, now in windows:
        compared = now.requests // 2
        differing += int(chance.binomial(requests // 2 // LOOKS, canary.differs))
        agreement = Agreement(compared=compared, agreed=compared - differing)
        kind = judge(before, now, agreement, LIMITS).kind
        if kind in ABORTS:
            break
    return kind


def _rollouts(recorded: str, versions: tuple[Version, Version], count: int, requests: int) -> Counter[Kind]:
    drawn_from = np.array(RECORDED[recorded])
    return Counter(_rollout(seed, drawn_from, versions, requests) for seed in range(count))


@pytest.mark.parametrize("recorded", RECORDED)
def test_the_same_version_is_not_ended_by_chance(recorded: str) -> None:
    """Even where it errs and differs as often as the limits just allow; few requests leave most to chance."""
    version = Version(errors=0.009, differs=0.009)
    found = _rollouts(recorded, (version, version), ROLLOUTS, WINDOW // 10)
    assert sum(found[kind] for kind in ABORTS) < 0.01 * ROLLOUTS, found


@pytest.mark.parametrize(
    ("canary", "kind", "requests"),
    [
        pytest.param(Version(errors=0.05), Kind.ERRORS, WINDOW // 20, id="5 % errors"),
        pytest.param(Version(slower=2), Kind.LATENCY, WINDOW, id="twice as slow"),
        pytest.param(Version(differs=0.03), Kind.DISAGREEMENT, WINDOW // 10, id="3 % differ"),
    ],
)
def test_a_bad_version_is_found_within_one_window(canary: Version, kind: Kind, requests: int) -> None:
    found = _rollouts("bodies of 40 kB", (Version(), canary), ROLLOUTS // 4, requests)
    assert found[kind] >= 0.95 * ROLLOUTS // 4, found
