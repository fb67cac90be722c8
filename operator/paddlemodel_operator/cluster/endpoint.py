"""The HTTP endpoint of the operator's own pod: /healthz, /readyz and /metrics, from the present.

It runs in the event loop that does the work: a blocked loop does not answer, as it should be. The page of
metrics, which would block it, is made in a thread.
"""

import asyncio
from collections.abc import Callable

from aiohttp import web

from paddlemodel_operator.cluster.listen import listener

Health = Callable[[], tuple[list[str], dict[str, float | bool]]]
Metrics = Callable[[], tuple[bytes, str]]
"""A page, and its media type."""


class Endpoint:
    """Answers from `start` to `stop`."""

    def __init__(self, bind: str, health: Health, metrics: Metrics) -> None:
        self._bind = bind
        self._health = health
        self._metrics = metrics
        application = web.Application()
        application.router.add_get("/healthz", self._healthz)
        application.router.add_get("/readyz", self._readyz)
        application.router.add_get("/metrics", self._page)
        self._runner = web.AppRunner(application, access_log=None, handle_signals=False, shutdown_timeout=1.0)

    async def start(self) -> None:
        """Listen on the address.

        Raises:
            OSError: the address is taken, or not of this host.
        """
        await self._runner.setup()
        await web.SockSite(self._runner, listener(self._bind)).start()

    async def stop(self) -> None:
        """Close the socket; answers under way get a second."""
        await self._runner.cleanup()

    async def _healthz(self, _: web.Request) -> web.Response:
        complaints, state = self._health()
        return web.json_response({"complaints": complaints, **state}, status=503 if complaints else 200)

    async def _readyz(self, _: web.Request) -> web.Response:
        """Ready is who could lead: it knows all models, and works."""
        complaints, state = self._health()
        ready = not complaints and state["synced"]
        return web.json_response({"complaints": complaints, **state}, status=200 if ready else 503)

    async def _page(self, _: web.Request) -> web.Response:
        # Of thousands of models it takes a good part of a second.
        page, media_type = await asyncio.to_thread(self._metrics)
        return web.Response(body=page, headers={"Content-Type": media_type})
