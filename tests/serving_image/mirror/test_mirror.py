"""What the mirror does without any server."""

import asyncio
import time
from dataclasses import replace

import pytest
from paddlemodel_api.contract import MIRROR_RESULTS
from paddlemodel_server.ipc.counters import Row
from paddlemodel_server.metrics.catalog import MIRROR_AT, ROUTES_AT, MirrorCounts
from paddlemodel_server.mirror.mirror import Mirror, Options
from paddlemodel_server.mirror.proof import proof
from paddlemodel_server.mirror.share import MOST, SUDDEN
from paddlemodel_server.mirror.wanted import TOLERANCE, UNTOLD, Target
from paddlemodel_server.protocol import Head, Response
from paddlemodel_server.verification.differences import Tolerances

HEAD = Head(
    route="predict",
    headers={},
    form="json",
    encoding=None,
    json_size=None,
    timeout_seconds=None,
    media=None,
)


def _mirror(port: int, token: str = UNTOLD) -> tuple[Mirror, Row]:
    """One that sends everything to a port, and where it counts."""
    target = Target(
        host="127.0.0.1", port=port, tls=False, part=1.0, tolerances=Tolerances(default=TOLERANCE)
    )
    options = Options(token=token, paths={"predict": "/predict"}, seconds=60, most_bytes=1000)
    row = memoryview(bytearray(8 * ROUTES_AT)).cast("d")
    return Mirror(target, options, MirrorCounts(row)), row


def test_a_busy_http_worker_wants_no_more_than_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """All requests are of one second, and every one of them is to be mirrored."""
    monkeypatch.setattr(time, "monotonic", lambda: 1000.0)

    async def play() -> int:
        mirror, _ = _mirror(1)
        found = sum(mirror.wants({}, 10) for _ in range(5000))
        mirror.close()
        return found

    assert asyncio.run(play()) == SUDDEN * MOST


def test_what_is_answered_while_the_server_ends_is_not_mirrored() -> None:
    async def play() -> None:
        mirror, _ = _mirror(1)
        mirror.close()
        mirror.take(HEAD, b"body", Response(body=b"answer"))
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(play())


@pytest.mark.parametrize(
    ("status", "result"),
    [
        pytest.param(401, "dropped", id="the key has not reached the canary yet"),
        pytest.param(403, "dropped", id="it is no longer allowed there"),
        pytest.param(429, "dropped", id="it is busy"),
        pytest.param(503, "dropped", id="it starts or ends"),
        (400, "error"),
        (404, "error"),
        (500, "error"),
        (504, "error"),
    ],
)
def test_a_canary_that_answered_nothing_of_its_own_has_not_failed(status: int, result: str) -> None:
    async def play() -> dict[str, float]:
        ended = asyncio.Event()

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"body")
            writer.write(b"HTTP/1.1 %d Whatever\r\ncontent-length: 0\r\n\r\n" % status)
            await reader.read()
            writer.close()
            ended.set()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        mirror, row = _mirror(server.sockets[0].getsockname()[1])
        counted = row[MIRROR_AT : MIRROR_AT + len(MIRROR_RESULTS)]
        async with server, asyncio.timeout(60):
            mirror.take(HEAD, b"body", Response(body=b"answer"))
            while not any(counted):  # noqa: ASYNC110 - what is counted has no event
                await asyncio.sleep(0.001)
            mirror.close()
            await ended.wait()
        return dict(zip(MIRROR_RESULTS, counted, strict=True))

    assert asyncio.run(play()) == dict.fromkeys(MIRROR_RESULTS, 0.0) | {result: 1.0}


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", id="a server of something else"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\ncontent-length: 64\r\n\r\n" + proof("another token", "0" * 32),
            id="the canary of another model",
        ),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n" + bytes(9999), id="a long answer"),
        pytest.param(b"SSH-2.0-OpenSSH\r\n", id="no HTTP"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_who_only_has_the_canary_s_address_gets_neither_requests_nor_the_token(answer: bytes) -> None:
    heard: list[bytes] = []

    async def play() -> None:
        ended = asyncio.Event()

        async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(answer)
            if not answer:
                writer.close()
            heard.append(await reader.read())  # what else is said, until the other side ends
            writer.close()
            ended.set()

        server = await asyncio.start_server(listen, "127.0.0.1", 0)
        mirror, row = _mirror(server.sockets[0].getsockname()[1], "the-token")
        async with server, asyncio.timeout(60):
            head = replace(HEAD, headers={"authorization": "Bearer planted-key"})
            mirror.take(head, b"planted-body", Response(body=b"planted-answer"))
            await ended.wait()
            mirror.close()
        assert not any(row[MIRROR_AT : MIRROR_AT + len(MIRROR_RESULTS)])

    asyncio.run(play())
    said = b"".join(heard)
    assert b"x-paddlemodel-mirror: ?" in said
    assert b"planted-" not in said
    assert b"the-token" not in said
