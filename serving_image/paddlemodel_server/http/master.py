"""The gunicorn master of the HTTP workers, configured in code. It and its workers never import Paddle.

The supervisor starts `python -m paddlemodel_server.http.master`. The application is imported
before the fork, so that the workers share its memory.
"""

import gc
import logging
import os
import sys
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]  # it has no types
from gunicorn.arbiter import Arbiter  # type: ignore[import-untyped]  # it has no types
from gunicorn.errors import HaltServer  # type: ignore[import-untyped]  # it has no types
from gunicorn.glogging import Logger  # type: ignore[import-untyped]  # it has no types

from paddlemodel_server.errors import StartError
from paddlemodel_server.host import log
from paddlemodel_server.http import sockets
from paddlemodel_server.http.asgi_app import AsgiApp
from paddlemodel_server.http.worker import Ports, ports, worker_class
from paddlemodel_server.ipc.process_context import ProcessContext, die_with_parent
from paddlemodel_server.ipc.scoreboard import Scoreboard
from paddlemodel_server.pipeline.context import serve
from paddlemodel_server.settings import Settings

KEEP_ALIVE_SECONDS = (
    75  # longer than the 60 s for which ingress-nginx keeps a connection: it must close first
)
DRAIN_MARGIN_SECONDS = 3
DEATHS = 10  # HTTP workers replaced within DEATHS_SECONDS: the server ends, and Kubernetes backs off
DEATHS_SECONDS = 60.0


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


class Master(Arbiter):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's master: as many HTTP workers as the supervisor wants, no endless replacements."""

    def __init__(self, app: "HttpWorkers", scoreboard: Scoreboard, runtime: ProcessContext) -> None:
        self._scoreboard = scoreboard
        self._runtime = runtime
        self._most = 0
        self._replaced: deque[float] = deque(maxlen=DEATHS)
        super().__init__(app)

    def manage_workers(self) -> None:
        """Start and end HTTP workers, every second and at each one's death."""
        self.num_workers = self._scoreboard.http_workers_desired
        super().manage_workers()

    def spawn_worker(self) -> Any:
        """Start one; returns in the master only."""
        self._most += 1
        if self._most > self.num_workers:
            self._replaced.append(time.monotonic())
            self._most = self.num_workers
        if len(self._replaced) == DEATHS and time.monotonic() - self._replaced[0] < DEATHS_SECONDS:
            message = f"{DEATHS} HTTP workers ended within {DEATHS_SECONDS:g} seconds; see the log."
            self._runtime.http_workers_failure.write_text(message)
            raise HaltServer(message)
        return super().spawn_worker()


class HttpWorkers(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn, told everything in code: there is no command line and no configuration file to disagree."""

    def __init__(
        self,
        settings: Settings,
        runtime: ProcessContext,
        both: Ports,
        descriptors: Sequence[int],
    ) -> None:
        self._settings = settings
        self._runtime = runtime
        self._ports = both
        self._descriptors = descriptors  # of the clients' socket and the admin port's
        super().__init__()

    def load_config(self) -> None:
        """Set what differs from gunicorn's defaults."""
        settings = self._settings
        options = {
            "bind": [f"fd://{fd}" for fd in self._descriptors],
            "workers": self._ports.clients.scoreboard.http_workers_desired,
            "worker_class": worker_class(self._ports),
            "preload_app": True,
            "backlog": sockets.BACKLOG,
            "keepalive": KEEP_ALIVE_SECONDS,
            "graceful_timeout": int(settings.timeout_seconds) + DRAIN_MARGIN_SECONDS,
            "timeout": 60,  # an HTTP worker whose loop stands still for so long is replaced
            "worker_tmp_dir": str(self._runtime.folder),
            "control_socket_disable": True,  # its default path is not writable in the container
            "logger_class": QuietLogger,
            "proc_name": "paddlemodel-http-worker",
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> AsgiApp:
        """Give gunicorn the ASGI application of the port for clients."""
        return self._ports.clients.asgi_app

    def run(self) -> None:
        """Serve until SIGTERM."""
        Master(self, self._ports.clients.scoreboard, self._runtime).run()


def main() -> None:
    """Run gunicorn until SIGTERM."""
    parent, runtime = int(sys.argv[1]), ProcessContext.from_json(sys.argv[2])
    die_with_parent(parent)
    settings = Settings.from_env(os.environ)
    log.configure(settings.log_level, settings.log_format, "http-worker")
    try:
        serve(settings, runtime).task.load()  # what it imports and reads is shared by all that are forked
    except StartError as error:
        runtime.http_workers_failure.write_text(error.message)
        raise SystemExit(1) from None
    try:
        both = ports(settings, runtime, AsgiApp(settings, runtime), Scoreboard(runtime.scoreboard_fd))
        descriptors = [listener.detach() for listener in sockets.listen(settings)]
    except StartError as error:
        runtime.http_workers_failure.write_text(error.message)
        raise SystemExit(1) from None
    gc.collect()
    gc.freeze()  # Flask's and numpy's objects stay: looking through them would hold requests up
    HttpWorkers(settings, runtime, both, descriptors).run()


if __name__ == "__main__":
    main()
