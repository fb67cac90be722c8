"""The HTTP endpoint of the operator's own pod: /healthz and /metrics, from the present, not from a cache.

`handlers` starts it in the event loop that does the work: a blocked loop answers nobody, as it should.
"""

from collections.abc import Callable

from aiohttp import web

Health = Callable[[], tuple[list[str], dict[str, float | bool]]]
Metrics = Callable[[], tuple[bytes, str]]
"""A page, and its media type."""


class Endpoint:
    """Construct, start, stop."""

    def __init__(self, bind: str, health: Health, metrics: Metrics) -> None:
        self._host, _, port = bind.rpartition(":")
        self._port = int(port)
        self._health = health
        self._metrics = metrics
        application = web.Application()
        application.router.add_get("/healthz", self._healthz)
        application.router.add_get("/metrics", self._page)
        self._runner = web.AppRunner(application, access_log=None, handle_signals=False, shutdown_timeout=1.0)

    async def start(self) -> None:
        """Listen."""
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host.strip("[]"), self._port).start()

    async def stop(self) -> None:
        """Close the socket."""
        await self._runner.cleanup()

    async def _healthz(self, _: web.Request) -> web.Response:
        complaints, state = self._health()
        return web.json_response({"complaints": complaints, **state}, status=503 if complaints else 200)

    async def _page(self, _: web.Request) -> web.Response:
        page, media_type = self._metrics()
        return web.Response(body=page, headers={"Content-Type": media_type})
