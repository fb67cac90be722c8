"""Lower precision on a real server: INT8 as PaddleSlim quantises, bfloat16, and what is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import bare_predictor, cleartext
from tests.models import trained_model
from tests.serving_image.support.models import quantiser
from tests.serving_image.support.servers import Server, end, eventually, serving, start

Export = Callable[[str, str], Path]


@pytest.fixture(scope="module")
def quantised() -> Path:
    """A trained model in whole numbers of eight bits."""
    return quantiser.quantised(trained_model("textline-orientation"), "x", "1,3,48,192")


def scores(server: Server, x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    headers = {"Content-Type": "application/octet-stream", "Accept": "application/octet-stream"}
    headers["X-Tensor-Shape"] = ",".join(map(str, x.shape))
    answer = cleartext.post(f"{server.url}/predict", content=x.tobytes(), headers=headers, timeout=180)
    assert answer.status_code == 200, answer.text
    return np.frombuffer(answer.content, np.float32).reshape(len(x), -1)


def refusal(model: Path, folder: Path, **settings: Any) -> str:
    """What the server says as it ends."""
    server = start(model, folder, **settings)
    try:
        eventually(lambda: server.process.poll() is not None, "the server ends", 120)
        assert server.process.returncode == 1
    finally:
        end(server)
    return server.logged()


def can_bf16() -> bool:
    """What docs/engine.md asks of a CPU."""
    flags = set(Path("/proc/cpuinfo").read_text().split())
    return {"avx512f", "avx512bw", "avx512dq", "avx512vl"} <= flags


@pytest.mark.parametrize("precision", ["FP32", "INT8"])
def test_a_quantised_model_answers_as_the_bare_predictor_does(
    quantised: Path, tmp_path: Path, precision: str
) -> None:
    """In FP32 Paddle imitates whole numbers; in INT8 oneDNN calculates with them, several times faster."""
    x = np.random.default_rng(2).random((1, 3, 48, 192), np.float32)
    (wanted,) = bare_predictor.predict(quantised, {"x": x}, onednn=False).values()
    with serving(quantised, tmp_path, name="int8", precision=precision) as server:
        found = scores(server, x)
        log = server.logged()
    assert np.abs(found - wanted).max() < (1e-3 if precision == "FP32" else 0.1)
    assert f'"precision": "{precision}"' in log
    assert ("PADDLEMODEL_PRECISION INT8 " in log) is (precision == "INT8")  # compared with FP32, and said


def test_bf16_is_near_fp32_and_says_how_near(tmp_path: Path) -> None:
    x = np.random.default_rng(2).random((1, 3, 48, 192), np.float32)
    folder = trained_model("textline-orientation")
    if not can_bf16():
        said = refusal(folder, tmp_path, precision="BF16")
        assert "PADDLEMODEL_PRECISION is BF16, which needs a CPU with AVX-512; this one has none." in said
        return
    (wanted,) = bare_predictor.predict(folder, {"x": x}).values()
    with serving(folder, tmp_path, name="bf16", precision="BF16") as server:
        found = scores(server, x)
        log = server.logged()
    assert 0 < np.abs(found - wanted).max() < 0.1  # it is not FP32
    assert '"difference": 0.0' in log


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"precision": "INT8"}, "PADDLEMODEL_PRECISION is INT8, but the model is not quantised"),
        ({"device": "gpu"}, "this image's Paddle is built for CPUs; use the GPU image"),
    ],
)
def test_what_cannot_work_ends_the_server_with_its_cure(
    exported: Export, tmp_path: Path, settings: dict[str, Any], sentence: str
) -> None:
    assert sentence in refusal(exported("legacy", "picture"), tmp_path, **settings)


def test_a_sample_that_is_no_request_ends_the_server(exported: Export, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for file in exported("legacy", "picture").iterdir():
        (folder / file.name).symlink_to(file)
    np.savez(folder / "warmup.npz", wrong=np.zeros((1, 8), np.float32))
    said = refusal(folder, tmp_path)
    assert "warmup.npz is no request for this model; correct or remove it." in said
    assert "It holds wrong; the inputs are image." in said
