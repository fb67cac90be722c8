"""One table of requests through both doors: the lane over HTTP, the Flask application over HTTP.

The Flask application stands behind the lane in every front; here it also gets a door of its own, as one more
front of the running server: same owners, same board.
"""

import asyncio
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from paddlemodel_server import board as boards
from paddlemodel_server.app import create_app
from paddlemodel_server.runtime import Runtime
from paddlemodel_server.service import Service
from paddlemodel_server.settings import Settings
from werkzeug.serving import make_server

from tests.serving_image.servers import Server, eventually

INFER = "/v2/models/mixed/infer"
IGNORED = {"date", "server", "connection"}  # the server's own, not the application's
ENTRY = {"name": "x", "datatype": "FP32", "shape": [2, 2], "data": [1, 2, 3, 4.5]}


def body(**change: Any) -> str:
    return json.dumps({"inputs": [ENTRY | change]})


REQUESTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "infer": ("POST", INFER, {"content": body()}),
    "infer-with-id": ("POST", INFER, {"content": json.dumps({"id": "7", "inputs": [ENTRY]})}),
    "one-output": (
        "POST",
        INFER,
        {"content": json.dumps({"inputs": [ENTRY], "outputs": [{"name": "fetch_name_1"}]})},
    ),
    "predict": ("POST", "/predict", {"content": body()}),
    "form-content-type": (
        "POST",
        "/predict",
        {"content": body(), "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
    ),
    "query": ("POST", f"{INFER}?x=1", {"content": body()}),
    "chunked": ("POST", INFER, {"content": [body()[:9].encode(), body()[9:].encode()]}),
    "empty": ("POST", INFER, {"content": b""}),
    "no-json": ("POST", INFER, {"content": b"\xff\x00"}),
    "wrong-shape": ("POST", INFER, {"content": body(shape=[4])}),
    "wrong-dtype": ("POST", INFER, {"content": body(datatype="INT8")}),
    "wrong-name": ("POST", "/predict", {"content": body(name="y")}),
    "too-large": ("POST", INFER, {"content": b"1" * 1_000_001}),
    "too-large-chunked": ("POST", INFER, {"content": [b"1" * 900_000, b"1" * 900_000]}),
    "gzip": ("POST", INFER, {"content": b"", "headers": {"Content-Encoding": "gzip"}}),
    "image": ("POST", "/predict", {"content": b"", "headers": {"Content-Type": "image/png"}}),
    "health": ("GET", "/healthz", {}),
    "ready": ("GET", "/readyz", {}),
    "v2-live": ("GET", "/v2/health/live", {}),
    "v2-ready": ("GET", "/v2/health/ready", {}),
    "v2": ("GET", "/v2", {}),
    "metadata": ("GET", "/v2/models/mixed", {}),
    "other-model": ("POST", "/v2/models/other/infer", {"content": body()}),
    "head": ("HEAD", "/healthz", {}),
    "options": ("OPTIONS", "/predict", {}),
    "wrong-method": ("PUT", "/predict", {}),
    "wrong-route": ("GET", "/nothing", {}),
    "percent": ("GET", "/health%7A", {}),
}


@pytest.fixture(scope="module")
def flask_url(server: Server) -> Iterator[str]:
    """The Flask application alone, as one more front of the running server."""
    found = server.runtime()
    shared = {
        name: os.open(f"/proc/{server.process.pid}/fd/{found[name]}", os.O_RDWR)
        for name in ("board_fd", "counters_fd")
    }
    runtime = Runtime.from_json(json.dumps(found | shared))
    board_fd = runtime.board_fd
    (model_dir,) = (v for k, v in environment(server).items() if k == "PADDLEMODEL_MODEL_DIR")
    settings = Settings(name="mixed", model_dir=Path(model_dir), max_request_bytes=1_000_000)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    row, lock = boards.claim_row(boards.Board(board_fd), runtime.folder)

    async def join() -> Service:
        return Service(settings, runtime, boards.Board(board_fd), row)

    service = asyncio.run_coroutine_threadsafe(join(), loop).result()
    eventually(lambda: service.ready, "the owners are found")
    flask = make_server("127.0.0.1", 0, create_app(service), threaded=True)
    serving = threading.Thread(target=flask.serve_forever)
    serving.start()
    yield f"http://127.0.0.1:{flask.server_port}"
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


def environment(server: Server) -> dict[str, str]:
    text = Path(f"/proc/{server.process.pid}/environ").read_text()
    return dict(entry.split("=", 1) for entry in text.split("\0") if "=" in entry)


def sent(url: str, method: str, path: str, more: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    fresh: Any = {
        k: iter(v) if isinstance(v, list) else v for k, v in more.items()
    }  # a list is sent in chunks
    answer = httpx.request(method, f"{url}{path}", **fresh)
    headers = {name: value for name, value in answer.headers.items() if name not in IGNORED}
    return answer.status_code, headers, answer.content


@pytest.mark.parametrize("case", REQUESTS)
def test_both_doors_give_the_same_answer(server: Server, flask_url: str, case: str) -> None:
    method, path, more = REQUESTS[case]
    assert sent(server.url, method, path, more) == sent(flask_url, method, path, more)
