"""The digest beside the writing: of the same bytes, however they come, and bounded in memory."""

import hashlib
import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paddlemodel_server.fetch import digesting, parallel
from paddlemodel_server.fetch.digesting import Digest


@given(st.lists(st.binary(max_size=50), max_size=30), st.integers(1, 100))
def test_it_is_the_digest_of_all_pieces_in_order(pieces: list[bytes], batch: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(digesting, "_BATCH", batch)
        digest = Digest()
        for piece in pieces:
            digest.add(piece)
        assert digest.hexdigest() == hashlib.sha256(b"".join(pieces)).hexdigest()


def test_it_can_be_asked_again() -> None:
    digest = Digest()
    digest.add(b"model")
    assert digest.hexdigest() == digest.hexdigest() == hashlib.sha256(b"model").hexdigest()


def test_no_more_than_one_batch_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two at once would be digested in any order."""
    told: list[str] = []

    class Told(parallel.Job[None]):
        def __init__(self, job: Callable[[], None]) -> None:
            told.append("begins")
            super().__init__(job)

        def result(self) -> None:
            super().result()
            told.append("is over")

    monkeypatch.setattr(digesting, "_BATCH", 1)
    monkeypatch.setattr(parallel, "Job", Told)
    digest = Digest()
    for _ in range(20):
        digest.add(bytes(5000))
    assert digest.hexdigest() == hashlib.sha256(bytes(100_000)).hexdigest()
    assert told == ["begins", "is over"] * 20


def test_tiny_pieces_take_no_more_memory_than_large_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server may send chunks of two bytes, each of which is an object of 35."""
    monkeypatch.setattr(digesting, "_BATCH", 1 << 16)
    tracemalloc.start()
    try:
        digest = Digest()
        for at in range(100_000):
            digest.add(at.to_bytes(2, "big") if at < 1 << 16 else b"ab")
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 4 << 16


def test_a_fault_beside_is_raised_by_the_next_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digesting, "_BATCH", 1)

    def broken(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(digesting, "_take", broken)
    digest = Digest()
    digest.add(b"a")
    with pytest.raises(MemoryError):
        digest.hexdigest()
