"""The judge's decisions, as a table; how often chance alone convinces it is in test_false_aborts.py."""

import re
from math import inf
from typing import Any

import pytest
from paddlemodel_operator.rollout.judgement import Agreement, Kind, Limits, Verdict, Window, judge


def _window(requests: int, errors: int = 0, milliseconds: float = 8) -> Window:
    """All answered in the same time."""
    edges = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 2.0, 5.0, inf)
    buckets = tuple((edge, requests if milliseconds / 1e3 <= edge else 0) for edge in edges)
    return Window(requests=requests, errors=errors, buckets=buckets, seconds=requests * milliseconds / 1e3)


def _judged(stable: Window, canary: Window, agreement: Agreement | None = None, **changed: Any) -> Verdict:
    limits = {"error_percent": 1, "p95_ratio": 1.5, "disagreement_percent": None, "min_requests": 200}
    return judge(stable, canary, agreement or Agreement(), Limits(**limits | changed))


GOOD = _window(2000)


@pytest.mark.parametrize(
    ("stable", "canary", "kind"),
    [
        pytest.param(GOOD, _window(200), Kind.PASS, id="as good"),
        pytest.param(GOOD, _window(20, 1), Kind.TOO_FEW, id="1 error of 20"),
        pytest.param(GOOD, _window(200, 2), Kind.PASS, id="2 errors of 200"),
        pytest.param(GOOD, _window(200, 3), Kind.DOUBTFUL, id="3 errors of 200, which may be chance"),
        pytest.param(_window(2000, 30), _window(200, 3), Kind.PASS, id="both err as often"),
        pytest.param(_window(2000, 30), _window(200, 6), Kind.DOUBTFUL, id="both err, one perhaps more"),
        pytest.param(GOOD, _window(200, 20), Kind.ERRORS, id="20 errors of 200"),
        pytest.param(_window(200), _window(200, 20), Kind.ERRORS, id="20 errors of 200 against 200"),
        pytest.param(
            _window(200), _window(2000, 40), Kind.DOUBTFUL, id="not sure whether the stable one errs, too"
        ),
        pytest.param(_window(2000, 100), _window(2000, 110), Kind.STABLE_UNHEALTHY, id="both err"),
        pytest.param(_window(2000, 100), _window(2000, 900), Kind.ERRORS, id="both err, but one far more"),
        pytest.param(_window(2000, 100), _window(2000), Kind.PASS, id="only the stable one errs"),
        pytest.param(_window(100), _window(2000), Kind.TOO_FEW, id="few requests to the stable one"),
        pytest.param(_window(0), _window(0), Kind.TOO_FEW, id="no traffic"),
        pytest.param(GOOD, _window(2000, 0, 16), Kind.LATENCY, id="twice as slow"),
        pytest.param(GOOD, _window(2000, 0, 10), Kind.PASS, id="a quarter slower"),
        pytest.param(_window(2000, 0, 16), GOOD, Kind.PASS, id="faster"),
        pytest.param(
            _window(2000, 0, 0.2), _window(2000, 0, 0.8), Kind.PASS, id="slower by less than a millisecond"
        ),
        pytest.param(Window(requests=500), Window(requests=500), Kind.PASS, id="no histogram"),
    ],
)
def test_what_clients_got(stable: Window, canary: Window, kind: Kind) -> None:
    assert _judged(stable, canary).kind is kind


@pytest.mark.parametrize(
    ("agreement", "kind"),
    [
        pytest.param(Agreement(compared=2000, agreed=2000), Kind.PASS, id="all agree"),
        pytest.param(Agreement(compared=2000, agreed=1985), Kind.PASS, id="0.75 % differ"),
        pytest.param(Agreement(compared=200, agreed=194), Kind.DOUBTFUL, id="3 % of few differ"),
        pytest.param(Agreement(compared=2000, agreed=1930), Kind.DISAGREEMENT, id="3.5 % differ"),
        pytest.param(Agreement(compared=100, agreed=0), Kind.TOO_FEW, id="few comparisons"),
        pytest.param(Agreement(compared=1000, agreed=1000, failed=100), Kind.ERRORS, id="mirrored ones fail"),
    ],
)
@pytest.mark.parametrize("shadow", [False, True])
def test_what_the_mirror_found(agreement: Agreement, kind: Kind, shadow: bool) -> None:
    canary = Window() if shadow else _window(200)
    assert _judged(GOOD, canary, agreement, disagreement_percent=1, shadow=shadow).kind is kind


def test_a_shadow_needs_no_requests_of_clients_and_no_latency() -> None:
    slow = _window(2000, 0, 40)
    assert (
        _judged(GOOD, slow, Agreement(compared=300, agreed=300), disagreement_percent=1, shadow=True).kind
        is Kind.PASS
    )


def test_a_verdict_says_the_numbers() -> None:
    verdict = _judged(GOOD, _window(400, 40))
    assert verdict.message == (
        "10 % of 400 requests to the canary failed, 0 % of 2000 to the stable version; the limit is 1 %."
    )
    slow = _judged(_window(20_000, 0, 40), _window(20_000, 0, 3000)).message
    assert "e+" not in slow, slow
    assert re.match(r"95 of 100 requests to the canary were answered within \d{4} ms, to the stable", slow)
    verdict = _judged(GOOD, _window(150), Agreement(compared=20, agreed=20), disagreement_percent=1)
    assert (
        verdict.message
        == "There are 150 of 200 requests to the canary and 20 of 200 compared answers to judge by."
    )
