"""gunicorn's uvicorn worker, with connections of our own: see `connection`. `HTTP worker` names its class."""

import logging
from typing import Any, ClassVar

from uvicorn_worker import UvicornWorker  # type: ignore[import-untyped]  # it has no types

from paddlemodel_server.http import timeouts
from paddlemodel_server.http.asgi_app import AsgiApp
from paddlemodel_server.http.connection import GuardedProtocol
from paddlemodel_server.http.head_cache import HeadCache
from paddlemodel_server.http.inference_cycle import Heads
from paddlemodel_server.ipc.process_context import die_with_parent
from paddlemodel_server.ipc.scoreboard import Scoreboard
from paddlemodel_server.settings import Settings


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


def guard(lane: AsgiApp, scoreboard: Scoreboard, settings: Settings) -> None:
    """Set what every connection of this process goes by."""
    GuardedProtocol.lane = lane
    GuardedProtocol.scoreboard = scoreboard
    GuardedProtocol.limits = timeouts.Limits(settings.head_timeout_seconds, settings.body_timeout_seconds)
    GuardedProtocol.crowd = timeouts.ConnectionLimit(timeouts.most_connections(settings.max_connections))
    GuardedProtocol.heads = Heads()
    GuardedProtocol.repeats = HeadCache()
