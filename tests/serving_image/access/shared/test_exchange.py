"""Two pods' tables and a real Valkey between them, which is frozen, ended and asks for a password."""

import asyncio
import logging
import os
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from paddlemodel_server.access.shared import exchange, store
from paddlemodel_server.access.shared.exchange import Exchange
from paddlemodel_server.access.shared.place import Place
from paddlemodel_server.ipc import access_page, limit_table
from paddlemodel_server.ipc.access_page import AccessPage
from paddlemodel_server.ipc.limit_table import Charge, LimitTable

from tests.serving_image.support.access import valkeys
from tests.serving_image.support.access.certificates import pair
from tests.serving_image.support.access.mounts import mount
from tests.serving_image.support.access.valkeys import Valkey

REQUESTS = 20
COST_NS = 3600 * 10**9


class Pod:
    """What one HTTP worker has: the table of its pod, and its exchange."""

    def __init__(self, uri: str, folder: Path | None = None) -> None:
        self._fds = access_page.create(), limit_table.create(1, os.urandom(limit_table.SALT_BYTES))
        self.page, self.table = AccessPage(self._fds[0]), LimitTable(self._fds[1], 1)
        place = Place(uri=uri, prefix="ml/mixed")
        self.exchange = Exchange(self.table, time.monotonic_ns, store.Valkey(uri, folder), place, self.page)

    def charge(self, subject: str = "alice") -> Charge:
        found = self.table.charge(0, subject, COST_NS, REQUESTS * COST_NS)
        return found._replace(key=f"{{ml/mixed}}:{subject}")

    def asks(self, times: int, subject: str = "alice") -> int:
        """How many of so many requests are taken."""
        charges = [self.charge(subject)]
        taken = 0
        for _ in range(times):
            if self.table.take(charges, time.monotonic_ns()) is None:
                self.exchange.add(charges)
                taken += 1
        return taken

    def left(self, subject: str = "alice") -> int:
        return self.table.left(self.charge(subject), time.monotonic_ns())

    def wait(self) -> float:
        """How many requests' time alice has to wait, which she must."""
        refusal = self.table.take([self.charge()], time.monotonic_ns())
        assert refusal is not None
        return refusal.wait_ns / COST_NS

    async def tells(self) -> None:
        await until(lambda: self.exchange._pending == {}, "it is told")

    def is_alone(self) -> bool:
        return self.page.shared_limits_down

    async def end(self) -> None:
        task = self.exchange._task
        await self.exchange.stop()
        assert task is None or task.cancelled()
        for fd in self._fds:
            os.close(fd)


@asynccontextmanager
async def counting(*pods: Pod) -> AsyncIterator[None]:
    for pod in pods:
        pod.exchange.start()
    try:
        yield
    finally:
        for pod in pods:
            await pod.end()


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    with valkeys.serving(tmp_path) as running:
        yield running


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "RETRY_SECONDS", 0.05)
    monkeypatch.setattr(exchange, "IDLE_SECONDS", 0.05)


async def until(condition: Callable[[], object], what: str) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, f"never happened: {what}"
        await asyncio.sleep(0.01)


async def test_two_pods_give_what_one_would(valkey: Valkey) -> None:
    one, two = Pod(valkey.uri), Pod(valkey.uri)
    async with counting(one, two):
        assert one.asks(15) == 15
        await until(lambda: valkey.count() == 1, "it is told")
        assert two.asks(1) == 1  # with which it hears of the others
        await until(lambda: two.left() == 4, "the second pod knows")
        assert two.asks(10) == 4
        assert one.asks(1, "bob") == 1
        await until(lambda: one.left("bob") == 19, "bob has his own share")


async def test_bursts_at_the_same_time_are_paid_off_later(valkey: Valkey) -> None:
    """What both took before they heard of each other is too much, once: both then wait for all of it."""
    one, two = Pod(valkey.uri), Pod(valkey.uri)
    assert (one.asks(15), two.asks(15)) == (15, 15)
    async with counting(one):
        await until(lambda: valkey.count() == 1, "the first one is heard")
        async with counting(two):
            await until(lambda: two.left() == 0, "the second one hears of it")
            assert 10 < two.wait() <= 11  # 30 were taken, 20 may be unpaid
            assert one.asks(1) == 1
            await until(lambda: one.left() == 0, "so does the first one")
            assert 11 < one.wait() <= 12


async def test_a_frozen_valkey_stops_nobody_and_each_pod_counts_for_itself(
    valkey: Valkey, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(store, "SECONDS", 0.1)
    one, two = Pod(valkey.uri), Pod(valkey.uri)
    with caplog.at_level(logging.INFO):
        async with counting(one, two):
            with valkey.frozen():
                assert (one.asks(30), two.asks(30)) == (
                    REQUESTS,
                    REQUESTS,
                )  # its own limit: not none, not all
                await until(lambda: one.is_alone() and two.is_alone(), "it is told")
                assert (one.asks(5), two.asks(5)) == (0, 0)
            await until(lambda: not (one.is_alone() or two.is_alone()), "it is back")
            assert one.asks(10, "bob") == 10
            await one.tells()
            await until(lambda: one.left("bob") == 10, "it is known")
            two.asks(1, "bob")
            await until(lambda: two.left("bob") == 9, "they count together again")
    said = [text for text in caplog.messages if "shared limits" in text]
    assert ["counts for itself" in text for text in said] == [True, True, False, False]  # once each


async def test_a_valkey_that_ends_and_forgets_gives_nobody_more(valkey: Valkey) -> None:
    pod = Pod(valkey.uri)
    async with counting(pod):
        assert pod.asks(15) == 15
        await until(lambda: valkey.count() == 1, "it is told")
        valkey.stop()
        await until(pod.is_alone, "it is gone")
        assert pod.asks(1) == 1
        valkey.start()
        await until(lambda: not pod.is_alone(), "it is back, and empty")
        assert pod.asks(10) == 4


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"+OK\r\n", b"*1\r\n$1\r\na\r\n", b""]
)
async def test_what_is_no_valkey_is_none(answer: bytes) -> None:
    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(65536):
            writer.write(answer * 3 or b"\0")
        writer.close()

    async with await asyncio.start_server(other, "127.0.0.1", 0) as server:
        pod = Pod(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        async with counting(pod):
            await until(pod.is_alone, "it is told")
            assert pod.asks(30) == REQUESTS


async def test_the_end_does_not_wait_for_a_frozen_valkey(valkey: Valkey) -> None:
    pod = Pod(valkey.uri)
    async with counting(pod):
        pod.asks(1)
        await until(lambda: valkey.count() == 1, "they speak with each other")
        with valkey.frozen():
            pod.asks(1)
            await pod.tells()
            await pod.exchange.stop()
            assert pod.exchange._task is not None
            assert pod.exchange._task.cancelled()


async def test_the_end_comes_though_a_cancellation_is_swallowed() -> None:
    """As wait_for of Python 3.11 does when what it waits for is done already; redis-py sends by it."""
    asked = asyncio.Event()

    class Deaf:
        async def add(self, costs_us: Mapping[str, float]) -> Sequence[int]:
            if not asked.is_set():
                asked.set()
                with suppress(asyncio.CancelledError):
                    await asyncio.Event().wait()
            return [0] * len(costs_us)

        async def close(self) -> None:
            pass

    pod = Pod("redis://127.0.0.1:1")
    pod.exchange._store = Deaf()
    pod.exchange.start()
    await asked.wait()
    end = asyncio.create_task(pod.end())
    ended, _ = await asyncio.wait({end}, timeout=20)
    assert ended == {end}
    await end


async def test_what_is_pending_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "MOST", 3)
    pod = Pod("redis://127.0.0.1:1")
    for number in range(10):
        assert pod.asks(2, f"client-{number}") == 2
    assert sorted(pod.exchange._pending.values()) == [2, 2, 2]
    await pod.end()


async def test_the_password_is_read_anew_and_told_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    right, wrong = "planted-right-0123", "planted-wrong-0123"
    (tmp_path / "data").mkdir()
    secret = mount(tmp_path / "secret", username="limits", password=wrong)
    with valkeys.serving(tmp_path / "data", right) as running, caplog.at_level(logging.DEBUG):
        pod, none, empty = Pod(running.uri, secret), Pod(running.uri), Pod(running.uri, tmp_path / "other")
        async with counting(pod, none, empty):
            await until(lambda: all(one.is_alone() for one in (pod, none, empty)), "all are refused")
            for fault in ("invalid username-password", "has no permissions", "has no entry password"):
                assert fault in caplog.text
            mount(tmp_path / "secret", username="limits", password=f"{right}\n")
            await until(lambda: not pod.is_alone(), "the password is right now")
            assert pod.asks(3) == 3
            await until(lambda: pod.left() == REQUESTS - 3, "it counts")
            await pod.tells()
            assert none.is_alone()
    assert "planted" not in caplog.text


async def test_tls_is_spoken_with_who_can_be_trusted_alone(
    valkey: Valkey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wheel's Valkey speaks no TLS itself: a relay in front of it does."""
    found = pair()
    for name, content in found.entries.items():
        (tmp_path / name).write_bytes(content)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "tls.crt", tmp_path / "tls.key")

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", valkey.port)
        await asyncio.gather(copy(reader, back), copy(there, writer), return_exceptions=True)

    async with await asyncio.start_server(relay, "127.0.0.1", 0, ssl=context) as server:
        uri = f"rediss://localhost:{server.sockets[0].getsockname()[1]}"
        stranger = Pod(uri)
        async with counting(stranger):
            await until(stranger.is_alone, "an unknown authority is not trusted")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "tls.crt"))
        pod = Pod(uri)
        async with counting(pod):
            pod.asks(5)
            await until(lambda: valkey.count() == 1, "it has reached Valkey")
            assert not pod.is_alone()
