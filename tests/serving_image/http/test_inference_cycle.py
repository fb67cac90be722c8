"""A request that runs the model, without a server: its turn, its body's memory, its answer."""

import asyncio
import json
import tracemalloc
from collections.abc import Awaitable, Callable

import numpy as np
import pytest
from paddlemodel_server import protocol
from paddlemodel_server.errors import HeadTooLargeError, QueueFullError
from paddlemodel_server.http.inference_cycle import CONTINUE, UNCOUNTED_BYTES, InferenceCycle
from paddlemodel_server.pipeline.request_log import CLIENT_GONE

from tests.serving_image.support.bodies import body
from tests.serving_image.support.cycles import Connection, http_worker

BODY = body({"name": "t", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]})


def run(test: Callable[[Connection], Awaitable[None]], most_body_bytes: int = 1 << 30) -> None:
    async def with_a_connection() -> None:
        with http_worker() as worker:
            await test(Connection(worker, most_body_bytes))

    asyncio.run(with_a_connection())


def cycle(connection: Connection, **headers: str) -> InferenceCycle:
    made = InferenceCycle(connection, protocol.INFER, headers, keep_alive=True)
    made.read_head()
    return made


def errors(connection: Connection) -> list[tuple[bytes, str]]:
    """Of each answer the status line's number and the sentence."""
    parts = [written.partition(b"\r\n\r\n") for written in connection.transport.written]
    return [(top.split()[1], json.loads(content)["error"]) for top, _, content in parts]


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
    async def test(connection: Connection) -> None:
        made = cycle(connection)
        for size in chunks:
            made.on_body(bytes(size))
        assert connection.bodies.held == counted
        made.release()
        assert connection.bodies.held == 0

    run(test)


def test_bodies_that_take_too_much_together_are_refused_and_let_go_of() -> None:
    async def test(connection: Connection) -> None:
        first, second = cycle(connection), cycle(connection)
        first.begin()
        second.begin()
        first.on_body(bytes(60_000))
        second.on_body(bytes(60_000))
        sentence = "The server holds as many large requests as it can; try again in a second."
        assert errors(connection) == [(b"429", sentence)]
        assert connection.bodies.held == 60_000

    run(test, most_body_bytes=100_000)


def test_tiny_chunks_cost_what_they_carry() -> None:
    async def test(connection: Connection) -> None:
        made, chunks = cycle(connection), [bytes((number % 256, 1)) for number in range(100_000)]
        tracemalloc.start()
        try:
            for chunk in chunks:
                made.on_body(chunk)
            assert tracemalloc.get_traced_memory()[0] < 2 * sum(map(len, chunks))
        finally:
            tracemalloc.stop()

    run(test)


def test_a_request_runs_once_it_is_whole_and_its_turn() -> None:
    async def test(connection: Connection) -> None:
        submitted = connection.service.dispatcher.submitted
        early, late = cycle(connection), cycle(connection)
        early.on_body(BODY)
        early.on_message_complete()
        assert len(submitted) == 0
        early.begin()
        assert len(submitted) == 1
        late.begin()
        late.on_body(BODY)
        assert len(submitted) == 1
        late.on_message_complete()
        assert len(submitted) == 2

    run(test)


def test_an_answer_is_written_logged_and_followed_by_the_next_request() -> None:
    async def test(connection: Connection) -> None:
        made = cycle(connection)
        made.begin()
        made.on_body(BODY)
        made.on_message_complete()
        connection.service.dispatcher.settled([np.array([[3, 4]], np.float32)])
        (written,) = connection.transport.written
        assert written.startswith(b"HTTP/1.1 200 OK\r\ndate: today\r\ncontent-type: application/json\r\n")
        assert connection.service.request_log.ended == [("infer", 200)]
        assert (connection.completed, made.response_complete, connection.listening) == (1, True, True)

    run(test)


def test_an_answer_is_the_last_where_the_server_ends() -> None:
    async def test(connection: Connection) -> None:
        connection.ends = True
        made = cycle(connection)
        made.begin()
        made.refuse(protocol.fault(QueueFullError()))
        assert b"\r\nconnection: close\r\n" in connection.transport.written[0]
        assert connection.transport.did == ["close"]

    run(test)


def test_a_refusal_waits_for_its_turn_and_only_the_first_counts() -> None:
    async def test(connection: Connection) -> None:
        made = cycle(connection, **{"content-length": "2000000"})
        made.on_body(BODY)
        assert connection.transport.written == []
        made.begin()
        made.refuse(protocol.fault(HeadTooLargeError("trailer")), last=True)
        assert errors(connection) == [(b"413", "The body has 2000000 bytes; at most 1000000 are allowed.")]
        assert connection.transport.did == []

    run(test)


def test_a_body_is_invited_when_it_is_the_request_s_turn() -> None:
    async def test(connection: Connection) -> None:
        made = cycle(connection, expect="100-continue")
        assert connection.transport.written == []
        made.begin()
        assert connection.transport.written == [CONTINUE]

    run(test)


@pytest.mark.parametrize("remembered", [False, True], ids=["parsed", "remembered"])
def test_a_request_is_admitted_whether_its_head_is_parsed_or_remembered(*, remembered: bool) -> None:
    """Whatever is checked for each request is checked beside the queue: see `head_checks`."""

    async def test(connection: Connection) -> None:
        connection.service.dispatcher.refusal = QueueFullError()
        if remembered:
            made = InferenceCycle(connection, protocol.INFER, {}, keep_alive=True)
            made.take(protocol.read_head(connection.service.served, protocol.INFER, {}), BODY)
        else:
            made = cycle(connection)
            made.begin()
            made.on_body(BODY)
            made.on_message_complete()
        assert errors(connection) == [(b"429", QueueFullError.sentence)]

    run(test)


def test_a_client_that_leaves_gives_everything_back() -> None:
    async def test(connection: Connection) -> None:
        running, arriving = cycle(connection), cycle(connection)
        running.begin()
        running.on_body(BODY)
        running.on_message_complete()
        arriving.on_body(bytes(100_000))
        running.abandon()
        arriving.abandon()
        assert connection.service.request_log.ended == [("infer", CLIENT_GONE)] * 2
        assert len(connection.service.dispatcher.abandoned) == 1
        assert (connection.service.dispatcher.admitted, connection.bodies.held) == (0, 0)
        assert connection.transport.written == []

    run(test)
