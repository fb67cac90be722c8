"""gunicorn's uvicorn worker, with connections of our own: see `connection`. `front` names its class."""

import logging
from typing import Any, ClassVar

from uvicorn_worker import UvicornWorker  # type: ignore[import-untyped]  # it has no types

from paddlemodel_server import patience
from paddlemodel_server.ask import Heads
from paddlemodel_server.board import Board
from paddlemodel_server.connection import GuardedProtocol
from paddlemodel_server.lane import Lane
from paddlemodel_server.repeats import Repeats
from paddlemodel_server.runtime import die_with_parent
from paddlemodel_server.settings import Settings


class FrontWorker(UvicornWorker):  # type: ignore[misc]  # it has no types
    """A front: ends with its parent, speaks through GuardedProtocol."""

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


def guard(lane: Lane, board: Board, settings: Settings) -> None:
    """Set what every connection of this process goes by."""
    GuardedProtocol.lane = lane
    GuardedProtocol.board = board
    GuardedProtocol.limits = patience.Limits(settings.head_timeout_seconds, settings.body_timeout_seconds)
    GuardedProtocol.crowd = patience.Crowd(patience.most_connections(settings.max_connections))
    GuardedProtocol.heads = Heads()
    GuardedProtocol.repeats = Repeats()
