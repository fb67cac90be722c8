"""Objects are found by this server, and by Flask around the Python that PaddleDetection ships."""

import io
import json
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.pictures.contender import PROCESSES, Contender, check, our_server, up
from benchmarks.serving.load import Target
from devcluster import ports
from tests.serving_image.support.models.trained_shapes import drawn, shapes


def started(stack: ExitStack, folder: Path) -> list[Contender]:
    """Both servers, once they find the same."""
    return check(_ours(stack, folder), _flask(stack, folder), _equal)


def picture() -> bytes:
    """A JPEG of 640 x 480 with shapes."""
    content = io.BytesIO()
    Image.fromarray(drawn(20_001, 480, 640)[0]).save(content, "JPEG", quality=90)
    return content.getvalue()


def _equal(mine: Any, other: Any) -> bool:
    return len(mine) == len(other) > 0 and bool(np.allclose(sorted(mine), sorted(other), atol=1e-2))


def _rows(answer: Any) -> Any:
    return [[one["class_id"], one["score"], *one["box"].values()] for one in answer["objects"]]


def _ours(stack: ExitStack, folder: Path) -> Contender:
    process, port = our_server(stack, folder, shapes("ppyoloe"), task=json.dumps({"objectDetection": {}}))
    target = Target(port=port, path="/predict", content_type="image/jpeg", body=picture())
    return Contender(title="paddlemodel-server", process=process, target=target, read=_rows)


def _flask(stack: ExitStack, folder: Path) -> Contender:
    (port,) = ports.free(1)
    command = [sys.executable, "-m", "gunicorn", "-w", str(PROCESSES), "-b", f"127.0.0.1:{port}"]
    command += ["--no-control-socket", "benchmarks.pictures.flask_app:app"]
    environment = {"MODEL_DIR": str(shapes("ppyoloe")), "GLOG_minloglevel": "2", "OMP_NUM_THREADS": "1"}
    process = up(stack, command, environment, port, folder / "flask.log", "/")
    target = Target(port=port, path="/predict", content_type="image/jpeg", body=picture())
    return Contender(
        title=f"Flask, gunicorn -w {PROCESSES}", process=process, target=target, read=lambda answer: answer
    )
