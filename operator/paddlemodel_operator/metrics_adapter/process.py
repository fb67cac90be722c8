"""The adapter's process from start to end: what runs at the same time, and in which order it stops.

Nothing that the cluster does ends it: it waits for its key pair and the API server.
"""

import asyncio
import logging
import signal
import socket
from typing import Final

from paddlemodel_operator.base import names
from paddlemodel_operator.cluster.api import connect
from paddlemodel_operator.cluster.listen import listener
from paddlemodel_operator.cluster.scrape import Scraper
from paddlemodel_operator.log_level import LevelFile
from paddlemodel_operator.metrics_adapter.access import CONFIG_MAP
from paddlemodel_operator.metrics_adapter.connections import Connections
from paddlemodel_operator.metrics_adapter.credentials import Credentials
from paddlemodel_operator.metrics_adapter.pods import Pods
from paddlemodel_operator.metrics_adapter.server import Server
from paddlemodel_operator.metrics_adapter.settings import Settings

log = logging.getLogger(__name__)

LAST_SECONDS: Final = 10.0
"""Seconds for the answers under way at the end; within the pod's grace period."""


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
        with listener(settings.bind) as listening:
            log.info("Listening", extra={"address": str(listening.getsockname()[:2])})
            await _serve(server, listening, stop, settings)
    log.info("Ended")
    return 0


async def _serve(server: Server, listening: socket.socket, stop: asyncio.Event, settings: Settings) -> None:
    async with asyncio.TaskGroup() as group:
        watches = [
            group.create_task(server.credentials.watch_keys()),
            group.create_task(server.credentials.watch_trust(settings.trust_seconds)),
        ]
        if settings.log_level_file is not None:
            level = LevelFile(settings.log_level_file, settings.log_level, logging.getLogger().setLevel)
            watches.append(group.create_task(level.follow()))
        accepting = group.create_task(server.connections.accept(listening))
        await stop.wait()
        log.info(
            "Ending: still answering while the Service forgets this pod",
            extra={"seconds": settings.drain_seconds},
        )
        server.draining = True
        await asyncio.sleep(settings.drain_seconds)
        accepting.cancel()
        listening.close()
        await server.connections.close(LAST_SECONDS)
        for task in watches:
            task.cancel()
