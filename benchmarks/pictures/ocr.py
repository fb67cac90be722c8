"""A page is read by this server, and by PaddleX' own with the same two models, which answers one at a time.

PaddleX runs in its environment (requirements/paddlex.txt), without oneDNN, with which it cannot load its own
model for detection, and with as many threads as this server has workers.
"""

import base64
import json
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import yaml

from benchmarks.pictures.contender import PROCESSES, Contender, check, our_server, up
from benchmarks.serving.load import Target
from devcluster import ports
from devcluster.paths import REPOSITORY
from tests.environment import Environment
from tests.models import trained_model
from tests.serving_image.support.oracles.paddlex_pages import configuration

PAGE = REPOSITORY / "examples" / "page.png"


def started(stack: ExitStack, folder: Path) -> list[Contender]:
    """Both servers, once they read the page alike."""
    return check(_ours(stack, folder), _paddlex(stack, folder), lambda mine, other: mine == other)


def _ours(stack: ExitStack, folder: Path) -> Contender:
    finder, reader = trained_model("character-det"), trained_model("character-rec")
    task = {"ocr": {"recognition": {"uri": "file:///models/recognition"}}}
    further = json.dumps({"recognition": os.path.relpath(reader, finder)})
    process, port = our_server(stack, folder, finder, task=json.dumps(task), further_models=further)
    return Contender(
        title="paddlemodel-server",
        process=process,
        target=Target(port=port, path="/predict", content_type="image/png", body=PAGE.read_bytes()),
        read=lambda answer: [line["text"] for line in answer["lines"]],
    )


def _paddlex(stack: ExitStack, folder: Path) -> Contender:
    (port,) = ports.free(1)
    models = str(trained_model("character-det")), str(trained_model("character-rec"))
    pipeline = configuration(*models, 6) | {
        "engine": "paddle_static",
        "engine_config": {"run_mode": "paddle", "cpu_threads": PROCESSES},
        "Serving": {"visualize": False},
    }
    file = folder / "OCR.yaml"
    file.write_text(yaml.safe_dump(pipeline))
    python = Environment("paddlex", 700).python()
    command = [str(python), "-W", "ignore", "-m", "paddlex", "--serve", "--pipeline", str(file)]
    command += ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    cache = {"PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK": "True", "PADDLE_PDX_CACHE_HOME": str(folder / "pdx")}
    process = up(stack, command, cache, port, folder / "paddlex.log", "/health")
    body = {"file": base64.b64encode(PAGE.read_bytes()).decode(), "fileType": 1, "visualize": False}
    return Contender(
        title="PaddleX 3.7.2 --serve",
        process=process,
        target=Target(
            port=port, path="/ocr", content_type="application/json", body=json.dumps(body).encode()
        ),
        read=_texts,
    )


def _texts(answer: Any) -> Any:
    return answer["result"]["ocrResults"][0]["prunedResult"]["rec_texts"]
