"""What an HTTP worker holds of the bodies that arrive, and that all of it is counted."""

import tracemalloc
from types import SimpleNamespace
from typing import Any, cast

import pytest
from paddlemodel_server.http.inference_cycle import UNCOUNTED_BYTES, InferenceCycle

SERVED = SimpleNamespace(max_request_bytes=1 << 30)
SERVICE = cast("Any", SimpleNamespace(most_body_bytes=1 << 30, served=SERVED))


def ask() -> InferenceCycle:
    return InferenceCycle(cast("Any", None), "infer", {}, keep_alive=True)


@pytest.mark.parametrize(
    ("chunks", "counted"),
    [
        ([100], 0),
        ([UNCOUNTED_BYTES], 0),
        ([UNCOUNTED_BYTES + 1], UNCOUNTED_BYTES + 1),
        ([100, 1], 101),
        ([100, 200_000, 7], 200_107),
        ([200_000, 100, 7], 200_107),
    ],
)
def test_every_body_counts_but_a_small_one_of_one_read(chunks: list[int], counted: int) -> None:
    before, made = InferenceCycle.held, ask()
    for size in chunks:
        made.on_body(SERVICE, bytes(size))
    assert InferenceCycle.held - before == counted
    made.release()
    assert InferenceCycle.held == before


def test_tiny_chunks_cost_what_they_carry() -> None:
    made, chunks = ask(), [bytes((number % 256, 1)) for number in range(100_000)]
    tracemalloc.start()
    try:
        for chunk in chunks:
            made.on_body(SERVICE, chunk)
        assert tracemalloc.get_traced_memory()[0] < 2 * sum(map(len, chunks))
    finally:
        tracemalloc.stop()
        made.release()
