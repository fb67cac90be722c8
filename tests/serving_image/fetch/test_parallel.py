"""Parts side by side: in order, bounded, and the first fault is the one that is told."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paddlemodel_server.fetch import parallel


@given(st.binary(max_size=200), st.integers(0, 200), st.integers(1, 50))
def test_the_bytes_come_in_order(content: bytes, begin: int, part: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parallel, "PART_BYTES", part)
        found = parallel.in_order(lambda at, n: [content[at : at + n]], begin, len(content))
        assert b"".join(found) == content[begin:]


def test_no_more_parts_are_asked_for_than_may_be_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "PART_BYTES", 1)
    asked: list[int] = []
    lock = threading.Lock()

    def ask(begin: int, _: int) -> list[bytes]:
        with lock:
            asked.append(begin)
        return [b"x"]

    for number, _ in enumerate(parallel.in_order(ask, 0, 50)):
        with lock:
            assert len(asked) <= number + parallel.PARTS


def test_the_first_part_that_failed_is_told() -> None:
    def ask(begin: int, _: int) -> list[bytes]:
        raise ValueError(begin)

    with pytest.raises(ValueError, match=r"^0$"):
        list(parallel.in_order(ask, 0, 100 << 20))
