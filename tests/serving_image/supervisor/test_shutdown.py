"""How long a pod on its way out goes on accepting requests."""

import pytest
from paddlemodel_server.supervisor.shutdown import IDLE_SECONDS, SHORT_SECONDS, seconds


@pytest.mark.parametrize(
    ("chosen", "idle", "by_hand", "in_pod", "expected"),
    [
        pytest.param(5.0, 0.1, False, False, 5.0, id="traffic"),
        pytest.param(5.0, IDLE_SECONDS - 1, False, False, 5.0, id="a-little-traffic"),
        pytest.param(5.0, IDLE_SECONDS + 1, False, False, SHORT_SECONDS, id="none-for-long"),
        pytest.param(5.0, None, False, False, SHORT_SECONDS, id="none-ever"),
        pytest.param(5.0, 0.1, True, False, SHORT_SECONDS, id="a-person-does-not-wait"),
        pytest.param(5.0, None, False, True, 5.0, id="a-fresh-pod"),
        pytest.param(5.0, IDLE_SECONDS + 1, False, True, 5.0, id="a-pod-without-traffic-for-long"),
        pytest.param(5.0, 0.1, True, True, SHORT_SECONDS, id="a-person-in-a-pod"),
        pytest.param(0.0, 0.1, False, True, 0.0, id="none-desired"),
        pytest.param(0.0, None, True, False, 0.0, id="none-desired-by-hand"),
    ],
)
def test_seconds(chosen: float, idle: float | None, by_hand: bool, in_pod: bool, expected: float) -> None:
    assert seconds(chosen, idle, by_hand=by_hand, in_pod=in_pod) == expected
