"""A proxy between an operator and the API server that misbehaves as a test wants, and counts what passes.

It speaks plain HTTP to the operator, so that it needs no certificate; the token passes through.
"""

import asyncio
import base64
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web

from tests.operator.support.cluster import Cluster

HOP_BY_HOP = {"connection", "content-length", "host", "keep-alive", "transfer-encoding"}


@dataclass(frozen=True)
class Fault:
    """What happens to one request instead of being passed on."""

    status: int = 0
    """Answered without asking the server; 0: the server is asked."""
    body: bytes = b'{"kind":"Status","apiVersion":"v1","status":"Failure","message":"a fault of the test"}'
    headers: dict[str, str] = field(default_factory=dict)
    hang: bool = False
    """No answer ever, and the server is not asked."""
    cut: bool = False
    """The server is asked, and its answer breaks off in the middle."""
    then: Callable[[], object] | None = None
    """Called when the server has answered, and before the operator learns it."""


Rule = Callable[[str, str], Fault | None]
"""From the method and the path, without its query, to what is to happen."""


class FaultProxy:
    """Passes everything on, but for what `rule` says."""

    def __init__(self, cluster: Cluster) -> None:
        self._target = cluster.server
        self._context = ssl.create_default_context(cadata=base64.b64decode(cluster.authority).decode())
        self._loop = asyncio.new_event_loop()
        self._session: aiohttp.ClientSession | None = None
        self.rule: Rule = lambda *_: None
        self.frozen = False
        """Watches that are open stay open, and nothing comes through them any more."""
        self.seen: list[str] = []
        """Method and path of every request but watches, in their order."""
        self.watches = 0
        self.url = ""

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        watch = "watch" in request.query
        self.watches += watch
        if not watch:
            self.seen.append(f"{request.method} {request.path}")
        fault = self.rule(request.method, "/watch" if watch else request.path)
        if fault is not None and fault.hang:
            await asyncio.Event().wait()
        if fault is not None and fault.status:
            return web.Response(status=fault.status, body=fault.body, headers=fault.headers)
        assert self._session is not None
        headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP}
        async with self._session.request(
            request.method,
            self._target + request.path_qs,
            headers=headers,
            data=await request.read() or None,
            timeout=aiohttp.ClientTimeout(),
        ) as upstream:
            kept = {name: value for name, value in upstream.headers.items() if name.lower() not in HOP_BY_HOP}
            response = web.StreamResponse(status=upstream.status, headers=kept)
            if fault is not None and fault.then is not None:
                await asyncio.to_thread(fault.then)
            await response.prepare(request)
            async for chunk in upstream.content.iter_any():
                if fault is not None and fault.cut:
                    await response.write(chunk[: len(chunk) // 2])
                    assert request.transport is not None
                    request.transport.close()
                    return response
                if watch and self.frozen:
                    await asyncio.Event().wait()
                await response.write(chunk)
            if watch and self.frozen:
                await asyncio.Event().wait()
        return response

    @contextmanager
    def running(self) -> Iterator["FaultProxy"]:
        """Answer, from a thread of its own, while this lasts."""
        thread = threading.Thread(target=self._loop.run_forever)
        thread.start()
        try:
            runner = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(60)
            try:
                yield self
            finally:
                asyncio.run_coroutine_threadsafe(self._stop(runner), self._loop).result(60)
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()
            self._loop.close()

    async def _start(self) -> web.AppRunner:
        connector = aiohttp.TCPConnector(ssl=self._context, limit=0)
        self._session = aiohttp.ClientSession(connector=connector, auto_decompress=False)
        application = web.Application(client_max_size=2**24)
        application.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(application, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner

    async def _stop(self, runner: web.AppRunner) -> None:
        assert self._session is not None
        await runner.cleanup()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await self._session.close()
        await asyncio.sleep(
            0.25
        )  # aiohttp ends TLS a moment later; what is left then warns amid another test
