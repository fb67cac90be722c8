"""A connection to a canary, against servers of one purpose on real sockets."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from paddlemodel_server.access.certificate import shown
from paddlemodel_server.mirror.line import Line, Place
from paddlemodel_server.mirror.peer import BrokenError, ForeignError, TooLongError, UnreachableError
from paddlemodel_server.mirror.wanted import UNTOLD

from tests.serving_image.support.access.certificates import Pair, pair
from tests.serving_image.support.access.mounts import mount_bytes

HEAD, BODY = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\n", b"body"
OURS, OTHERS = pair(), pair()
Answers = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def _answer(text: bytes, *more: bytes) -> bytes:
    lines = [b"HTTP/1.1 200 OK", b"content-length: %d" % len(text), *more]
    return b"\r\n".join([*lines, b"", text])


@asynccontextmanager
async def _server(
    *said: bytes, folder: Path | None = None, shows: Pair = OURS
) -> AsyncIterator[tuple[Line, list[bytes]]]:
    """A line to a server that says one thing after the other and ends a connection after an empty one."""
    asked: list[bytes] = []
    left = iter(said)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (answer := await _next(reader, asked, left)) is not None:
                writer.write(answer)
        finally:
            writer.close()

    context, certificate = None, None
    if folder is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        theirs = mount_bytes(folder / "theirs", shows.entries)
        context.load_cert_chain(theirs / "tls.crt", theirs / "tls.key")
        ours = mount_bytes(folder / "ours", OURS.entries)

        def certificate() -> bytes:
            return shown(ours)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    place = Place(
        host="127.0.0.1",
        port=server.sockets[0].getsockname()[1],
        authority="canary",
        certificate=certificate,
        token=UNTOLD,
        path="/predict",
    )
    line = Line(place)
    try:
        yield line, asked
    finally:
        line.close()
        server.close()
        await server.wait_closed()


async def _next(reader: asyncio.StreamReader, asked: list[bytes], left: "object") -> bytes | None:
    try:
        asked.append(await reader.readexactly(len(HEAD) + len(BODY)))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    return next(left, None) or None  # type: ignore[call-overload]


async def _ask(line: Line) -> bytes:
    await line.open()
    async with asyncio.timeout(30):
        return (await line.ask(HEAD, BODY, 100, 30)).body


@pytest.mark.parametrize("tls", [False, True])
def test_one_request_after_the_other(tls: bool, tmp_path: Path) -> None:
    async def play() -> None:
        folder = tmp_path if tls else None
        async with _server(_answer(b"one"), _answer(b"two", b"x-a: 1"), folder=folder) as (line, asked):
            assert [await _ask(line), await _ask(line)] == [b"one", b"two"]
            assert asked == [HEAD + BODY] * 2

    asyncio.run(play())


def test_who_shows_another_certificate_gets_no_request(tmp_path: Path) -> None:
    async def play() -> None:
        async with _server(_answer(b"one"), folder=tmp_path, shows=OTHERS) as (line, asked):
            with pytest.raises(ForeignError, match="another certificate"):
                await line.open()
            assert asked == []

    asyncio.run(play())


def test_a_connection_that_ended_between_two_requests_is_nobodys_fault() -> None:
    async def play() -> None:
        async with _server(_answer(b"one"), b"", _answer(b"two")) as (line, asked):
            assert [await _ask(line), await _ask(line)] == [b"one", b"two"]
            assert len(asked) == 3

    asyncio.run(play())


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (b"", BrokenError),
        (b"HTTP/1.1 200 OK\r\ncontent-length: nonsense\r\n\r\n", BrokenError),
        (b"HTTP/1.1 200 OK\r\nx: " + bytes([97]) * 70_000 + b"\r\n\r\n", BrokenError),
        (_answer(bytes(101)), TooLongError),
    ],
    ids=["no answer", "no HTTP", "an endless head", "a long answer"],
)
def test_what_is_no_answer(said: bytes, error: type[Exception]) -> None:
    async def play() -> None:
        async with _server(said) as (line, _):
            with pytest.raises(error):
                await _ask(line)

    asyncio.run(play())


def test_an_answer_that_ends_its_connection_is_followed_by_a_new_one() -> None:
    async def play() -> None:
        async with _server(_answer(b"one", b"connection: close"), _answer(b"two")) as (line, _):
            assert [await _ask(line), await _ask(line)] == [b"one", b"two"]

    asyncio.run(play())


def test_nobody_is_there() -> None:
    async def play() -> None:
        async with _server() as (line, _):
            pass
        with pytest.raises(UnreachableError):
            await line.open()

    asyncio.run(play())
