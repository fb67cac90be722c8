"""A canary whose requests a Gateway or an Ingress divides: the share is the weight, and the rest as ever."""

from typing import Any

import pytest
from paddlemodel_operator.rollout.plan import DRAIN_SECONDS, plan
from paddlemodel_operator.rollout.situation import Plan, Situation

from tests.operator.support.builders import model
from tests.operator.support.rollout.canaries import (
    ERRORS,
    NEW,
    OLD,
    STEPS,
    TOO_FEW,
    aborted,
    seen,
    status,
    track,
)

WAYS: dict[str, Any] = {
    "Gateway": {"gateway": {"parentRefs": [{"name": "public"}]}},
    "IngressNginx": {"ingress": {"host": "a.example.com"}},
}
LAST = status(step=2, weight=50)


def divided(traffic: str = "Gateway", **fields: Any) -> Situation:
    rollout = {"strategy": "Canary", "steps": STEPS, "traffic": traffic}
    return seen(**{"model": model(replicas=4, rollout=rollout, **WAYS[traffic]), **fields})


def short(found: Plan) -> tuple[int | None, str, int, str | None]:
    phase = found.status.phase if found.status else None
    return found.canary, found.divider, found.weight, phase


@pytest.mark.parametrize("traffic", WAYS)
def test_the_share_is_the_weight_beside_any_number_of_pods(traffic: str) -> None:
    found = plan(divided(traffic, elapsed=1.0))
    assert short(found) == (1, traffic, 10, "Stepping")
    assert found.status is not None
    assert found.status.share == 10


def test_half_of_the_requests_are_half_of_the_pods() -> None:
    """Four beside four: with fewer each would have more to do than a stable one, and be slower by that."""
    assert short(plan(divided())) == (4, "Gateway", 10, "Starting")
    there = divided(before=status(phase="Starting", step=2), canary=track(NEW, 4))
    assert short(plan(there)) == (4, "Gateway", 50, "Stepping")


def test_nothing_is_led_to_pods_that_do_not_answer() -> None:
    assert plan(divided(canary=track(NEW, 1, ready=0, answering=0))).weight == 0


@pytest.mark.parametrize("traffic", WAYS)
def test_no_way_leads_to_a_service_of_somebody_else(traffic: str) -> None:
    """It has the name that the canary's would have: Ready says NameConflict, and the canary waits."""
    found = plan(divided(traffic, verdict=TOO_FEW, elapsed=1.0, has_service=False))
    assert short(found) == (1, traffic, 0, "Stepping")
    assert found.status is not None
    assert (found.status.weight, found.status.share) == (10, 0)


def test_while_it_is_promoted_all_pods_are_behind_the_service() -> None:
    """Both are of the same version: a weight could only lead to pods that are being replaced."""
    found = plan(divided(before=LAST, elapsed=600.0, canary=track(NEW, 2)))
    assert short(found) == (2, "Replicas", 50, "Promoting")


@pytest.mark.parametrize("traffic", WAYS)
def test_its_pods_wait_for_a_controller_that_follows_slowly(traffic: str) -> None:
    assert DRAIN_SECONDS[traffic] > DRAIN_SECONDS["Replicas"]  # type: ignore[index]
    assert short(plan(divided(traffic, verdict=ERRORS)))[2:] == (0, "Aborting")
    drains = aborted(phase="Aborting")
    early, late = (
        plan(divided(traffic, before=drains, elapsed=DRAIN_SECONDS[traffic] + more))  # type: ignore[index]
        for more in (-1, 0)
    )
    assert (early.canary, late.canary) == (1, 0)
    leaving = divided(traffic, wanted=OLD, before=status(phase="Finishing", weight=0), elapsed=6.0)
    assert plan(leaving).canary == 1


def test_without_requests_it_says_which_ones_count() -> None:
    found = plan(divided(verdict=TOO_FEW)).told
    assert found is not None
    assert found.reason == "CanaryNoTraffic"
    assert "send requests through the Gateway, which alone leads to it (condition RouteAccepted)" in (
        found.message
    )
