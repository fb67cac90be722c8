"""Answers on one connection: their bytes, when they are written, and how the last one ends it."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from paddlemodel_server.http.responses import JOIN_BYTES, MOST_PREFIXES, Heads
from paddlemodel_server.http.timeouts import Awaited
from paddlemodel_server.protocol import Response

from tests.serving_image.support.cycles import Connection, http_worker

DEFAULTS = [(b"date", b"today")]


def run(test: Callable[[Connection], Awaitable[None]]) -> None:
    async def with_a_connection() -> None:
        with http_worker() as worker:
            await test(Connection(worker))

    asyncio.run(with_a_connection())


def test_a_head_has_the_status_the_date_the_answer_s_headers_and_its_length() -> None:
    answer = Response(status=429, body=b"{}", extra=(("Retry-After", "1"),))
    assert Heads().head(answer, DEFAULTS, keep_alive=False) == (
        b"HTTP/1.1 429 Too Many Requests\r\ndate: today\r\ncontent-type: application/json\r\n"
        b"retry-after: 1\r\nconnection: close\r\ncontent-length: 2\r\n\r\n"
    )


def test_a_head_is_put_together_anew_only_when_something_changes() -> None:
    heads, tomorrow = Heads(), [(b"date", b"tomorrow")]
    answers = [Response(body=b"1"), Response(body=b"22"), Response(status=404)]
    made = [heads.head(answer, DEFAULTS, keep_alive=True) for answer in answers]
    assert [b"length: %d\r\n" % size in head for size, head in zip((1, 2, 0), made, strict=True)] == [
        True
    ] * 3
    assert b"date: tomorrow\r\n" in heads.head(answers[0], tomorrow, keep_alive=True)
    for number in range(3 * MOST_PREFIXES):  # each with an id of its own
        extra = (("X-Request-Id", str(number)),)
        assert b"x-request-id: %d\r\n" % number in heads.head(Response(extra=extra), tomorrow, True)
    assert len(heads._prefixes) <= MOST_PREFIXES + 1


@pytest.mark.parametrize("end", ["\r", "\n"])
def test_no_value_can_add_a_line_to_a_head(end: str) -> None:
    answer = Response(extra=(("X-Request-Id", f"a{end}b"),))
    with pytest.raises(ValueError, match="a line end in the header X-Request-Id"):
        Heads().head(answer, DEFAULTS, keep_alive=True)


def test_a_small_answer_is_one_write_and_a_large_one_is_not_copied() -> None:
    async def test(connection: Connection) -> None:
        connection.writer.write(Response(body=b"x"), keep_alive=True)
        connection.writer.write(Response(body=bytes(JOIN_BYTES + 1)), keep_alive=True)
        small, large = connection.transport.written[0], connection.transport.written[1:]
        assert small.endswith(b"content-length: 1\r\n\r\nx")
        assert b"".join(large).endswith(b"content-length: 65537\r\n\r\n" + bytes(JOIN_BYTES + 1))
        assert (connection.transport.did, connection.listening) == ([], True)

    run(test)


def test_answers_that_are_ready_together_are_written_together() -> None:
    async def test(connection: Connection) -> None:
        connection.batch.hold()
        connection.writer.send(b"one")
        connection.writer.send(b"two", last=True)
        assert (connection.transport.written, connection.transport.did) == ([], [])
        connection.batch.release()
        assert (connection.transport.written, connection.transport.did) == ([b"one", b"two"], ["close"])

    run(test)


def test_the_last_answer_closes_and_nothing_is_listened_to() -> None:
    async def test(connection: Connection) -> None:
        connection.writer.write(Response(), keep_alive=False)
        assert (connection.writer.closing, connection.listening) == (True, False)
        assert connection.transport.did == ["close"]
        assert connection.deadline.what is None

    run(test)


def test_a_client_amid_a_request_may_send_the_rest_and_then_read_the_last_answer() -> None:
    async def test(connection: Connection) -> None:
        connection.midway = True
        connection.flow.pause_reading()
        connection.writer.write(Response(), keep_alive=False)
        assert connection.transport.did == ["pause_reading", "write_eof", "resume_reading"]
        assert connection.deadline.what is Awaited.REST

    run(test)


def test_a_closed_connection_is_written_to_no_more() -> None:
    async def test(connection: Connection) -> None:
        connection.transport.close()
        connection.writer.send(b"one", last=True)
        assert (connection.transport.written, connection.transport.did) == ([], ["close"])

    run(test)
