"""The gunicorn master of the fronts, configured in code. It and its workers never import Paddle.

The supervisor starts `python -m paddlemodel_server.front`. The application is imported before the fork, so
that the fronts share its memory.
"""

import logging
import os
import sys
from typing import Any

from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]  # it has no types
from gunicorn.glogging import Logger  # type: ignore[import-untyped]  # it has no types

from paddlemodel_server import log
from paddlemodel_server.board import Board
from paddlemodel_server.lane import Lane
from paddlemodel_server.runtime import Runtime, die_with_parent
from paddlemodel_server.settings import Settings
from paddlemodel_server.worker import FrontWorker, guard

KEEP_ALIVE_SECONDS = (
    75  # longer than the 60 s for which ingress-nginx keeps a connection: it must close first
)
DRAIN_MARGIN_SECONDS = 3


class QuietLogger(Logger):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's logger, speaking through ours and only when something is wrong."""

    def setup(self, cfg: Any) -> None:
        """Route everything to the root logger."""
        del cfg
        self.error_log.handlers = []
        self.error_log.propagate = True
        quiet = logging.DEBUG if logging.getLogger().level == logging.DEBUG else logging.WARNING
        self.error_log.setLevel(quiet)
        self.access_log.handlers = []
        self.access_log.propagate = False


class Fronts(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn, told everything in code: there is no command line and no configuration file to disagree."""

    def __init__(self, settings: Settings, runtime: Runtime) -> None:
        self._settings = settings
        self._runtime = runtime
        super().__init__()

    def load_config(self) -> None:
        """Set what differs from gunicorn's defaults."""
        settings = self._settings
        address = f"[{settings.bind}]" if ":" in settings.bind else settings.bind
        options = {
            "bind": [f"{address}:{settings.port}"],
            "workers": self._runtime.sizes.fronts,
            "worker_class": FrontWorker,
            "preload_app": True,
            "backlog": 2048,
            "keepalive": KEEP_ALIVE_SECONDS,
            "graceful_timeout": int(settings.timeout_seconds) + DRAIN_MARGIN_SECONDS,
            "timeout": 60,  # a front whose loop stands still for so long is replaced
            "worker_tmp_dir": str(self._runtime.folder),
            "control_socket_disable": True,  # its default path is not writable in the container
            "logger_class": QuietLogger,
            "proc_name": "paddlemodel-front",
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Lane:
        """The ASGI application."""
        return Lane(self._settings, self._runtime)


def main() -> None:
    """Run gunicorn until SIGTERM."""
    parent, runtime = int(sys.argv[1]), Runtime.from_json(sys.argv[2])
    die_with_parent(parent)
    settings = Settings.from_env(os.environ)
    log.configure(settings.log_level, settings.log_format, "front")
    guard(Board(runtime.board_fd), settings.head_timeout_seconds, settings.body_timeout_seconds)
    Fronts(settings, runtime).run()


if __name__ == "__main__":
    main()
