"""Limits and deadlines: real sockets and TLS in one process, with deadlines short enough for a test."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from aiohttp import web
from paddlemodel_operator.metrics_adapter import access
from paddlemodel_operator.metrics_adapter.connections import Connections, Limits

from devcluster.nodes.pki import Authority, Identity

Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Served:
    """A server whose answers the test holds back, behind the connections of the adapter."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        certificate, key = Authority(folder, "authority").sign("server", Identity("server"))
        pair = folder / "pair.pem"
        pair.write_bytes(certificate.read_bytes() + key.read_bytes())
        self.context = access.context(None, str(pair))
        self.provide: Callable[[], ssl.SSLContext] = lambda: self.context
        self.protocol = web.Server(self._answer, access_log=None)
        self.connections = Connections(self.protocol, self._provided, limits)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setblocking(False)
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.body = b"ok"

    def _provided(self) -> ssl.SSLContext:
        return self.provide()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        assert request.transport is not None
        guard = self.connections.of(request.transport)
        guard.begin()
        if request.path == "/known":
            self.connections.verified(request.transport)
        try:
            await self.go_on.wait()
            response = web.Response(body=self.body)
            await response.prepare(request)
            await response.write_eof()
            return response
        finally:
            guard.end()

    @asynccontextmanager
    async def client(self, *, tls: bool = True) -> AsyncIterator[Client]:
        context = None
        if tls:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        client = await asyncio.open_connection(*self.listener.getsockname(), ssl=context)
        try:
            yield client
        finally:
            client[1].close()
            with suppress(OSError):
                await client[1].wait_closed()


async def until(check: Callable[[], bool]) -> None:
    for _ in range(3000):
        if check():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError


@pytest.fixture
def limits() -> Limits:
    """A test that needs shorter ones parametrises this."""
    return Limits()


@pytest.fixture
async def served(tmp_path: Path, limits: Limits) -> AsyncIterator[Served]:
    result = Served(tmp_path, limits)
    accepting = asyncio.create_task(result.connections.accept(result.listener))
    yield result
    accepting.cancel()
    await result.connections.close(5)
    result.listener.close()


REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
KNOWN = b"GET /known HTTP/1.1\r\nHost: a\r\n\r\n"


async def answered(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    return head.split(b"\r\n")[0] + b" " + await reader.readexactly(2)


async def ended(reader: asyncio.StreamReader) -> bool:
    """The other side closes, orderly or not, within the test's own deadline."""
    try:
        async with asyncio.timeout(180):
            return await reader.read() == b""
    except ConnectionError:
        return True


@pytest.mark.parametrize("limits", [Limits(head_seconds=0.3)], ids=["head_seconds"])
async def test_a_head_that_never_ends(served: Served) -> None:
    """However busily it goes on: it is the first byte that counts."""
    async with served.client() as (reader, writer):
        closing = asyncio.create_task(ended(reader))
        writer.write(b"GET / HTTP/1.1\r\n")
        while not closing.done():
            writer.write(b"A: b\r\n")
            await asyncio.wait([closing], timeout=0.05)
        assert await closing


@pytest.mark.parametrize("limits", [Limits(head_seconds=0.1)], ids=["head_seconds"])
async def test_a_client_that_says_nothing(served: Served) -> None:
    async with served.client() as (reader, _):
        assert await ended(reader)


@pytest.mark.parametrize("limits", [Limits(handshake_seconds=0.1)], ids=["handshake_seconds"])
async def test_a_handshake_that_never_comes(served: Served) -> None:
    async with served.client(tls=False) as (reader, _):
        assert await ended(reader)


@pytest.mark.parametrize("limits", [Limits(answer_seconds=0.5)], ids=["answer_seconds"])
async def test_a_client_that_asks_and_does_not_read(served: Served) -> None:
    """Its next requests wait, so what is kept for it has an end; and then it is let go."""
    served.body = b"a" * 5_000_000
    async with served.client() as (_, writer):
        writer.write(REQUEST * 100)
        await until(lambda: bool(served.connections.guards))
        await until(lambda: not served.connections.guards)
        assert served.protocol.requests_count < 10


@pytest.mark.parametrize("limits", [Limits(idle_seconds=2)], ids=["idle_seconds"])
async def test_an_idle_connection(served: Served) -> None:
    """It ends after a deadline of its own, and does not wait for another head's."""
    async with served.client() as (reader, writer):
        for _ in range(2):
            writer.write(REQUEST)
            assert await answered(reader) == b"HTTP/1.1 200 OK ok"
        assert await ended(reader)


async def test_a_retired_connection_ends_after_the_answer_under_way(served: Served) -> None:
    served.go_on.clear()
    async with served.client() as (busy_reader, busy), served.client() as (idle_reader, _):
        busy.write(REQUEST)
        await until(lambda: any(guard.busy for guard in served.connections.guards))
        served.connections.retire()
        assert await ended(idle_reader)
        served.go_on.set()
        assert await answered(busy_reader) == b"HTTP/1.1 200 OK ok"
        assert await ended(busy_reader)


@pytest.mark.parametrize("limits", [Limits(connections=2)], ids=["connections"])
async def test_the_number_of_connections_is_limited(served: Served) -> None:
    """A verified one stays; one too many is closed; and a place that is free again can be taken."""
    async with served.client() as first:
        first[1].write(KNOWN)
        assert await answered(first[0]) == b"HTTP/1.1 200 OK ok"
        async with served.client() as (reader, writer):
            writer.write(KNOWN)
            assert await answered(reader) == b"HTTP/1.1 200 OK ok"
            with pytest.raises((ConnectionError, ssl.SSLError)):
                async with served.client():
                    pass
        await until(lambda: len(served.connections) == 1)
        async with served.client() as third:
            for reader, writer in (first, third):
                writer.write(REQUEST)
                assert await answered(reader) == b"HTTP/1.1 200 OK ok"


@pytest.mark.parametrize("tls", [True, False], ids=["silent", "without-handshake"])
@pytest.mark.parametrize(
    "limits",
    [Limits(connections=3, handshake_seconds=900, head_seconds=900)],
    ids=["connections"],
)
async def test_the_oldest_unverified_connection_makes_room(served: Served, tls: bool) -> None:
    """Else any four pods could keep the API server out."""
    async with served.client() as known:
        known[1].write(KNOWN)
        assert await answered(known[0]) == b"HTTP/1.1 200 OK ok"
        async with served.client(tls=tls) as older, served.client(tls=tls) as younger:
            await until(lambda: len(served.connections) == 3)
            for _ in range(5):
                async with served.client() as (reader, writer):
                    writer.write(KNOWN)
                    assert await answered(reader) == b"HTTP/1.1 200 OK ok"
                await until(lambda: len(served.connections) <= 2)
            assert await ended(older[0])
            assert not younger[0].at_eof()
            known[1].write(REQUEST)
            assert await answered(known[0]) == b"HTTP/1.1 200 OK ok"
    await until(lambda: len(served.connections) == 0)


async def test_a_change_during_the_handshake_is_not_missed(served: Served) -> None:
    """A client that began under the old trust gets one answer, and no further one."""
    before = served.context

    def change() -> ssl.SSLContext:
        served.provide = lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        served.connections.retire()
        return before

    served.provide = change
    async with served.client() as (reader, writer):
        await until(lambda: any(guard.retired for guard in served.connections.guards))
        writer.write(REQUEST)
        assert await answered(reader) == b"HTTP/1.1 200 OK ok"
        assert await ended(reader)


async def test_pipelined_requests_are_answered_in_order(served: Served) -> None:
    async with served.client() as (reader, writer):
        writer.write(REQUEST * 5)
        assert [await answered(reader) for _ in range(5)] == [b"HTTP/1.1 200 OK ok"] * 5
