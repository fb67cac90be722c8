"""Which address families are served: real sockets, and a kernel without IPv6 that is played."""

import asyncio
import errno
import socket
import threading
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from paddlemodel_operator.cluster.endpoint import Endpoint
from paddlemodel_operator.cluster.listen import listener

needs_ipv6 = pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this kernel has no IPv6")


def reached(family: socket.AddressFamily, host: str, port: int) -> bool:
    with socket.socket(family) as client:
        client.settimeout(10)
        return client.connect_ex((host, port)) == 0


class WithoutIPv6(socket.socket):
    """What a process gets on a kernel that was started with ipv6.disable=1."""

    def __init__(self, family: int = -1, *arguments: Any, **more: Any) -> None:
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
        super().__init__(family, *arguments, **more)


@needs_ipv6
def test_the_ipv6_wildcard_serves_both_families() -> None:
    with listener("[::]:0") as listening:
        port = listening.getsockname()[1]
        assert not listening.getblocking()
        assert reached(socket.AF_INET, "127.0.0.1", port)
        assert reached(socket.AF_INET6, "::1", port)


def test_without_ipv6_the_wildcard_serves_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "socket", WithoutIPv6)
    with listener("[::]:0") as listening:
        host, port = listening.getsockname()
        assert host == "0.0.0.0"
        assert reached(socket.AF_INET, "127.0.0.1", port)


@needs_ipv6
@pytest.mark.parametrize(
    ("bind", "served", "other"),
    [
        ("0.0.0.0:0", (socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")),
        ("127.0.0.1:0", (socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")),
        ("[::1]:0", (socket.AF_INET6, "::1"), (socket.AF_INET, "127.0.0.1")),
    ],
)
def test_an_address_of_one_family_serves_that_one(
    bind: str, served: tuple[socket.AddressFamily, str], other: tuple[socket.AddressFamily, str]
) -> None:
    with listener(bind) as listening:
        port = listening.getsockname()[1]
        assert reached(*served, port)
        assert not reached(*other, port)


def test_a_port_that_is_taken_is_an_error() -> None:
    with listener("[::]:0") as listening, pytest.raises(OSError, match="in use"):
        listener(f"[::]:{listening.getsockname()[1]}")


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """Of an endpoint on the default's address."""
    with listener("[::]:0") as probe:
        free: int = probe.getsockname()[1]
    endpoint = Endpoint(f"[::]:{free}", lambda: ([], {"synced": True}), lambda: (b"a 1\n", "text/plain"))
    await endpoint.start()
    yield free
    await endpoint.stop()


@needs_ipv6
@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
async def test_the_operator_s_endpoint_answers_on_both_families(port: int, host: str) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.get(f"http://{host}:{port}/healthz") as answer:
            assert await answer.json() == {"complaints": [], "synced": True}
        async with session.get(f"http://{host}:{port}/metrics") as answer:
            assert await answer.read() == b"a 1\n"


@pytest.mark.parametrize(
    ("complaints", "synced", "health", "ready"),
    [
        ([], True, 200, 200),
        ([], False, 200, 503),
        (["stuck"], True, 503, 503),
    ],
)
async def test_ready_is_who_knows_all_models(
    complaints: list[str], synced: bool, health: int, ready: int
) -> None:
    with listener("127.0.0.1:0") as probe:
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    endpoint = Endpoint(address, lambda: (complaints, {"synced": synced}), lambda: (b"", "text/plain"))
    await endpoint.start()
    try:
        async with aiohttp.ClientSession() as session:
            for path, status in (("healthz", health), ("readyz", ready)):
                async with session.get(f"http://{address}/{path}") as answer:
                    assert answer.status == status
    finally:
        await endpoint.stop()


async def test_the_page_of_metrics_is_made_beside_the_event_loop() -> None:
    """That of thousands of models takes longer than a probe may wait."""
    with listener("127.0.0.1:0") as probe:
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    began, asked = threading.Event(), threading.Event()

    def page() -> tuple[bytes, str]:
        began.set()
        assert asked.wait(180), "the event loop is held"
        return b"", "text/plain"

    def health() -> tuple[list[str], dict[str, float | bool]]:
        asked.set()
        return [], {}

    endpoint = Endpoint(address, health, page)
    await endpoint.start()
    try:
        async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
            metrics = group.create_task(session.get(f"http://{address}/metrics"))
            assert await asyncio.to_thread(began.wait, 180)
            async with session.get(f"http://{address}/healthz") as answer:
                assert answer.status == 200
            assert (await metrics).status == 200
    finally:
        await endpoint.stop()
