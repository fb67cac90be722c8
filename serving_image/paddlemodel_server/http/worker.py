"""gunicorn's uvicorn worker, on two ports, with connections of our own: see `connection` and `admin`.

`master` names its class.
"""

import asyncio
import logging
import sys
from functools import partial
from typing import Any, ClassVar, Final

from gunicorn.arbiter import Arbiter  # type: ignore[import-untyped]  # it has no types
from uvicorn.server import Server
from uvicorn_worker import UvicornWorker  # type: ignore[import-untyped]  # it has no types

from paddlemodel_server.http import timeouts
from paddlemodel_server.http.admin import AdminApp, AdminProtocol
from paddlemodel_server.http.asgi_app import AsgiApp
from paddlemodel_server.http.connection import GuardedProtocol
from paddlemodel_server.http.head_cache import HeadCache
from paddlemodel_server.http.inference_cycle import Heads
from paddlemodel_server.ipc.process_context import die_with_parent
from paddlemodel_server.ipc.scoreboard import Scoreboard
from paddlemodel_server.settings import Settings

ADMIN_CONNECTIONS: Final = 64  # of each HTTP worker; they are among timeouts.SPARE_DESCRIPTORS


class TwoPorts(Server):
    """uvicorn's server, which speaks with clients on the first socket and with the cluster on the second."""

    async def startup(self, sockets: list[Any] | None = None) -> None:
        """Listen on the admin port last: whom it calls ready has the other one open."""
        assert sockets, "`master` makes both sockets"  # noqa: S101 - our own mistake
        clients, admin = sockets
        await super().startup(sockets=[clients])
        made = partial(
            AdminProtocol,
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
        )
        loop = asyncio.get_running_loop()
        self.servers.append(await loop.create_server(made, sock=admin, backlog=self.config.backlog))


class HttpWorker(UvicornWorker):  # type: ignore[misc]  # it has no types
    """An HTTP worker: ends with its parent, speaks through GuardedProtocol."""

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {
        "loop": "uvloop",
        "http": GuardedProtocol,
        "ws": "none",
        "lifespan": "on",
        "access_log": False,
        "server_header": False,
        "proxy_headers": False,
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        errors = logging.getLogger("uvicorn.error")  # it warns of every malformed request: the metrics tell
        errors.propagate = True
        errors.setLevel(logging.DEBUG if logging.getLogger().level == logging.DEBUG else logging.ERROR)

    def init_process(self) -> None:
        """After the fork; uvicorn's worker does the rest and does not return."""
        die_with_parent(self.ppid)
        super().init_process()

    async def _serve(self) -> None:
        """As uvicorn's worker does, with our server."""
        self.config.app = self.wsgi
        server = TwoPorts(config=self.config)
        self._install_sigquit_handler()
        await server.serve(sockets=self.sockets)
        if not server.started:
            sys.exit(Arbiter.WORKER_BOOT_ERROR)


def guard(lane: AsgiApp, scoreboard: Scoreboard, settings: Settings) -> None:
    """Set what every connection of this process goes by."""
    GuardedProtocol.lane = lane
    GuardedProtocol.scoreboard = scoreboard
    GuardedProtocol.limits = timeouts.Limits(settings.head_timeout_seconds, settings.body_timeout_seconds)
    GuardedProtocol.crowd = timeouts.ConnectionLimit(timeouts.most_connections(settings.max_connections))
    GuardedProtocol.heads = Heads()
    GuardedProtocol.repeats = HeadCache()
    GuardedProtocol.inference = lane.inference
    AdminProtocol.crowd = timeouts.ConnectionLimit(ADMIN_CONNECTIONS)
    AdminProtocol.repeats = HeadCache()
    AdminProtocol.admin = AdminApp(lane, settings.port)
