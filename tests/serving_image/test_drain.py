"""How long a pod on its way out goes on accepting requests."""

import pytest
from paddlemodel_server.drain import IDLE_SECONDS, SHORT_SECONDS, seconds


@pytest.mark.parametrize(
    ("chosen", "idle", "by_hand", "expected"),
    [
        pytest.param(5.0, 0.1, False, 5.0, id="traffic"),
        pytest.param(5.0, IDLE_SECONDS - 1, False, 5.0, id="a-little-traffic"),
        pytest.param(5.0, IDLE_SECONDS + 1, False, SHORT_SECONDS, id="none-for-long"),
        pytest.param(5.0, None, False, SHORT_SECONDS, id="none-ever"),
        pytest.param(5.0, 0.1, True, SHORT_SECONDS, id="a-person-does-not-wait"),
        pytest.param(0.0, 0.1, False, 0.0, id="none-wished"),
        pytest.param(0.0, None, True, 0.0, id="none-wished-by-hand"),
    ],
)
def test_seconds(chosen: float, idle: float | None, by_hand: bool, expected: float) -> None:
    assert seconds(chosen, idle, by_hand=by_hand) == expected
