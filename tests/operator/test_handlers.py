"""What the process does before kopf begins."""

import gc

import pytest
from paddlemodel_operator import handlers


def test_what_is_imported_is_no_business_of_the_garbage_collector(monkeypatch: pytest.MonkeyPatch) -> None:
    """A full collection would look through it again and again, and answer nobody meanwhile."""
    frozen = []
    monkeypatch.setattr(handlers, "_configure_logging", lambda _: None)
    monkeypatch.setattr("kopf.run", lambda **_: frozen.append(gc.get_freeze_count()))
    try:
        assert handlers.run() == 0
    finally:
        gc.unfreeze()
    assert frozen[0] > 100_000
