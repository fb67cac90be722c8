"""What the demo says of a model while it waits for it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from devcluster.demo import paddlemodels
from devcluster.target import Target


def seen(generation: int, observed: int, reason: str) -> dict[str, Any]:
    """A model as the API server shows it."""
    ready = {
        "type": "Ready",
        "status": "True",
        "reason": reason,
        "message": "m",
        "observedGeneration": observed,
    }
    return {"metadata": {"generation": generation}, "status": {"conditions": [ready]}}


def test_what_the_spec_before_came_to_is_not_said_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The operator may take a while to see a change."""
    looks = iter(
        [seen(3, 2, "Aborted"), seen(3, 3, "Progressing"), seen(3, 3, "Progressing"), seen(3, 3, "Serving")]
    )

    @contextmanager
    def reader(*_: object) -> Iterator[Callable[[], Any]]:
        yield lambda: next(looks)

    monkeypatch.setattr(paddlemodels, "reader", reader)
    ready = paddlemodels.condition
    paddlemodels.wait_for(
        Target(kubeconfig=Path()), "m", "n", lambda item: ready(item, "Ready")["reason"] == "Serving", "Ready"
    )
    assert capsys.readouterr().out == "    Progressing: m\n"
