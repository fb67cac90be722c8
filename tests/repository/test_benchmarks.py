"""The benchmark's own client counts rightly; a benchmark that errs quietly is worse than none."""

import asyncio

import pytest

from benchmarks.serving.load import Target, _client


@pytest.mark.parametrize(
    ("head", "errors"),
    [(b"200 OK", False), (b"500 Oops", True)],
)
@pytest.mark.parametrize("connection", [b"keep-alive", b"close"])
async def test_the_clients_count_is_the_servers(head: bytes, errors: bool, connection: bytes) -> None:
    answered = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal answered
        while await reader.read(4096):
            answered += 1
            writer.write(
                b"HTTP/1.1 " + head + b"\r\nConnection: " + connection + b"\r\nContent-Length: 2\r\n\r\nok"
            )
            if connection == b"close":
                break
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        target = Target(port=server.sockets[0].getsockname()[1], path="/", content_type="x/y", body=b"b")
        measured = await _client(target.port, target.request(), concurrency=4, seconds=0.3)
    assert 0 < measured.requests <= answered
    assert measured.errors == (measured.requests if errors else 0)
    assert 0 < measured.p50_ms <= measured.p99_ms
