"""What an API server that fails in the middle of an answer means to those who asked."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from kubernetes.aio import client
from kubernetes.aio.config import kube_config
from paddlemodel_operator.base import names
from paddlemodel_operator.base.errors import ApiError
from paddlemodel_operator.cluster import api as module
from paddlemodel_operator.cluster.answers import Scope
from paddlemodel_operator.cluster.api import Api, connect


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", id="a part of an answer"),
        pytest.param(b"garbage\r\n\r\n", id="garbage"),
    ],
)
async def test_an_answer_that_breaks_off_is_an_error_of_the_api(answer: bytes) -> None:
    """And no other one, which nobody would expect: those who ask go on."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(serve, "127.0.0.1") as server:
        host, port = server.sockets[0].getsockname()
        configuration = client.Configuration(host=f"http://{host}:{port}")
        async with Api(client.ApiClient(configuration), 30) as api:
            with pytest.raises(ApiError) as caught:
                await api.get(names.POD, "shop", "a")
    assert caught.value.code == 0


@asynccontextmanager
async def answering(*answers: bytes, silent: bool = False) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that says the same to everybody: its address, and the heads of what it was asked."""
    heads: list[bytes] = []
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        for answer in answers:
            writer.write(answer)
            await writer.drain()
        if silent:
            await over.wait()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(serve, "127.0.0.1") as server:
        host, port = server.sockets[0].getsockname()
        try:
            yield f"http://{host}:{port}", heads
        finally:
            over.set()


def answer(status: str, body: Any, *headers: str) -> bytes:
    text = json.dumps(body).encode()
    lines = (f"HTTP/1.1 {status}", f"Content-Length: {len(text)}", *headers, "Connection: close")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + text


STATUS = {
    "kind": "Status",
    "reason": "TooManyRequests",
    "message": "later",
    "details": {"retryAfterSeconds": 7, "causes": [{"reason": "NamespaceTerminating"}]},
}


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        pytest.param(("Retry-After: 3",), 3.0, id="the header"),
        pytest.param((), 7.0, id="the body"),
        pytest.param(("Retry-After: 86400",), 300.0, id="for a day"),
        pytest.param(("Retry-After: -1",), 0.0, id="less than nothing"),
        pytest.param(("Retry-After: Fri, 31 Dec 1999 23:59:59 GMT",), 0.0, id="a date"),
    ],
)
async def test_a_refusal_says_for_how_long(headers: tuple[str, ...], seconds: float) -> None:
    async with (
        answering(answer("429 Too Many Requests", STATUS, *headers)) as (host, _),
        Api(client.ApiClient(client.Configuration(host=host)), 30) as api,
    ):
        with pytest.raises(ApiError) as caught:
            await api.get(names.POD, "shop", "a")
    assert caught.value.retry_after == seconds
    assert caught.value.is_overload
    assert caught.value.cause == "NamespaceTerminating"


STREAM = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(event: str, version: int) -> bytes:
    text = json.dumps({"type": event, "object": {"metadata": {"resourceVersion": str(version)}}}) + "\n"
    return f"{len(text):x}\r\n{text}\r\n".encode()


async def watched(host: str) -> list[tuple[str, Any]]:
    seen: list[tuple[str, Any]] = []
    async with Api(client.ApiClient(client.Configuration(host=host)), 30) as api:
        await api.watch(Scope(kind=names.POD), 5, lambda event, body: seen.append((event, body)), 0.2)
    return seen


async def test_a_watch_reports_until_its_end() -> None:
    async with answering(STREAM, chunk("ADDED", 6), chunk("BOOKMARK", 9), b"0\r\n\r\n") as (host, heads):
        seen = await watched(host)
    assert [event for event, _ in seen] == ["ADDED", "BOOKMARK"]
    assert b"resourceVersion=5&timeoutSeconds=1" in heads[0]


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param((), id="nothing at all"),
        pytest.param((STREAM, chunk("ADDED", 6)), id="nothing any more"),
    ],
)
async def test_a_dead_connection_ends_a_watch(
    stream: tuple[bytes, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other end is gone, or its packets get lost: nothing comes, not even the end that was asked for."""
    monkeypatch.setattr(module, "SILENCE_SECONDS", 0.2)
    async with answering(*stream, silent=True) as (host, _):
        with pytest.raises(ApiError) as caught:
            await watched(host)
    assert caught.value.code == 0


@pytest.mark.parametrize(
    ("stream", "code"),
    [
        pytest.param((STREAM, chunk("ADDED", 6), b"5"), 0, id="cut in a chunk"),
        pytest.param((STREAM, b'5\r\n{"typ\r\n0\r\n\r\n'), 200, id="cut in a line"),
        pytest.param((answer("410 Gone", STATUS),), 410, id="refused"),
        pytest.param((b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 6\r\n\r\n<html>",), 502, id="HTML"),
    ],
)
async def test_a_watch_that_breaks_off_is_an_error_of_the_api(stream: tuple[bytes, ...], code: int) -> None:
    async with answering(*stream) as (host, _):
        with pytest.raises(ApiError) as caught:
            await watched(host)
    assert caught.value.code == code


async def test_a_place_that_is_too_old_is_told_within_the_stream() -> None:
    status = json.dumps({"type": "ERROR", "object": {"code": 410, "reason": "Expired"}}) + "\n"
    async with answering(STREAM, f"{len(status):x}\r\n{status}\r\n0\r\n\r\n".encode()) as (host, _):
        with pytest.raises(ApiError) as caught:
            await watched(host)
    assert caught.value.code == 410


async def test_no_netrc_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was, at every request, and its password sent."""
    async with answering(answer("200 OK", {"metadata": {}})) as (host, heads):
        netrc = tmp_path / "netrc"
        netrc.touch(mode=0o600)
        netrc.write_text("machine 127.0.0.1 login me password secret\n")
        kubeconfig = tmp_path / "kubeconfig"
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": {"server": host}}],
            "users": [{"name": "u", "user": {}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
        kubeconfig.touch(mode=0o600)
        kubeconfig.write_text(json.dumps(config))
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
        # The client looks for the variable when it is imported.
        monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(kubeconfig))
        monkeypatch.setenv("NETRC", str(netrc))
        async with await connect(30) as api:
            await api.get(names.POD, "shop", "a")
    assert b"authorization" not in heads[0].lower()


DEPLOYMENT = {"metadata": {"namespace": "shop", "name": "a"}}


async def test_who_may_not_write_any_more_reads_and_writes_nothing() -> None:
    """Asked at each write, since a process that was frozen learns of nothing else before its next one."""
    left = iter([5.0, 0.0, -1.0])
    async with (
        answering(answer("200 OK", DEPLOYMENT)) as (host, heads),
        Api(client.ApiClient(client.Configuration(host=host)), 30, lambda: next(left)) as api,
    ):
        await api.apply(names.DEPLOYMENT, DEPLOYMENT)
        for _ in range(2):
            with pytest.raises(ApiError) as caught:
                await api.apply(names.DEPLOYMENT, DEPLOYMENT)
            assert (caught.value.reason, caught.value.is_overload) == ("NotLeader", True)
        await api.get(names.DEPLOYMENT, "shop", "a")
    assert [head.split()[0] for head in heads] == [b"PATCH", b"GET"]


async def test_a_write_is_given_up_when_the_right_to_it_ends() -> None:
    """Also one that waits for its connection: it would go out when it is not ours to write any more."""
    async with (
        answering(silent=True) as (host, _),
        Api(client.ApiClient(client.Configuration(host=host)), 3000, lambda: 0.1) as api,
    ):
        with pytest.raises(ApiError) as caught:
            await api.delete(names.DEPLOYMENT, {"metadata": {**DEPLOYMENT["metadata"], "uid": "1"}})
    assert caught.value.code == 0
