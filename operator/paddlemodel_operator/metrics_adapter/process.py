"""The adapter's process from start to end: what runs at the same time, and in which order it stops.

`__main__` calls `run`. Nothing that the cluster does ends it: it waits for its key pair and the API server.
"""

import asyncio
import logging
import signal
import socket
from typing import Final

from paddlemodel_operator.base import names
from paddlemodel_operator.cluster.api import connect
from paddlemodel_operator.cluster.scrape import Scraper
from paddlemodel_operator.metrics_adapter.access import CONFIG_MAP
from paddlemodel_operator.metrics_adapter.connections import Connections
from paddlemodel_operator.metrics_adapter.credentials import Credentials
from paddlemodel_operator.metrics_adapter.pods import Pods
from paddlemodel_operator.metrics_adapter.server import Server
from paddlemodel_operator.metrics_adapter.settings import Settings

log = logging.getLogger(__name__)

LAST_SECONDS: Final = 10.0
"""For the answers under way at the end; within the pod's grace period."""


async def run(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit code."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with await connect(settings.request_timeout_seconds) as api, Scraper() as scraper:
        server = Server(Pods(api, scraper, settings.fresh_seconds))
        server.connections = Connections(server.protocol, lambda: server.credentials.context)
        server.credentials = Credentials(
            settings.tls_dir, lambda: api.get(names.CONFIG_MAP, *CONFIG_MAP), server.connections.retire
        )
        with _listen(settings.bind) as listener:
            log.info("Listening", extra={"bind": settings.bind})
            await _serve(server, listener, stop, settings)
    log.info("Ended")
    return 0


async def _serve(server: Server, listener: socket.socket, stop: asyncio.Event, settings: Settings) -> None:
    async with asyncio.TaskGroup() as group:
        watches = [
            group.create_task(server.credentials.watch_keys()),
            group.create_task(server.credentials.watch_trust(settings.trust_seconds)),
        ]
        accepting = group.create_task(server.connections.accept(listener))
        await stop.wait()
        log.info(
            "Ending: still answering while the Service forgets this pod",
            extra={"seconds": settings.drain_seconds},
        )
        server.draining = True
        await asyncio.sleep(settings.drain_seconds)
        accepting.cancel()
        listener.close()
        await server.connections.close(LAST_SECONDS)
        for task in watches:
            task.cancel()


def _listen(bind: str) -> socket.socket:
    host, _, port = bind.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server(
        (host, int(port)),
        family=family,
        backlog=128,
        dualstack_ipv6=host == "::" and socket.has_dualstack_ipv6(),
    )
    listener.setblocking(False)
    return listener
