"""The Flask application alone, as one more HTTP worker of a running server: same workers, same scoreboard.

In production it stands behind the event loop, which answers inference itself; so its own door needs one here.
"""

import asyncio
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from paddlemodel_server.http.flask_app import create_app
from paddlemodel_server.ipc import scoreboard as scoreboards
from paddlemodel_server.ipc.process_context import ProcessContext
from paddlemodel_server.pipeline.context import Service
from paddlemodel_server.settings import Settings
from werkzeug.serving import make_server

from tests.serving_image.support.servers import Server, eventually


@contextmanager
def flask_door(server: Server) -> Iterator[int]:
    """Open it; the value is its port."""
    found = server.runtime()
    shared = {
        name: os.open(f"/proc/{server.process.pid}/fd/{found[name]}", os.O_RDWR)
        for name in ("scoreboard_fd", "counters_fd")
    }
    runtime = ProcessContext.from_json(json.dumps(found | shared))
    scoreboard = scoreboards.Scoreboard(runtime.scoreboard_fd)
    settings = Settings.from_env(_environment(server))
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    row, lock = scoreboards.claim_row(scoreboard, runtime.folder)

    async def join() -> Service:
        return Service(settings, runtime, scoreboard, row)

    service = asyncio.run_coroutine_threadsafe(join(), loop).result()
    eventually(lambda: service.ready, "the workers are found")
    flask = make_server("127.0.0.1", 0, create_app(service), threaded=True)
    serving = threading.Thread(target=flask.serve_forever, daemon=True)
    serving.start()
    try:
        yield flask.server_port
    finally:
        flask.shutdown()
        serving.join()
        flask.server_close()
        asyncio.run_coroutine_threadsafe(service.close(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
        os.close(lock)
        for descriptor in shared.values():
            os.close(descriptor)


def _environment(server: Server) -> dict[str, str]:
    text = Path(f"/proc/{server.process.pid}/environ").read_text()
    return dict(entry.split("=", 1) for entry in text.split("\0") if "=" in entry)
