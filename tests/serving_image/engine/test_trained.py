"""Trained models as they are published, in both formats: the bare predictor's answers, and any bytes."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.http as triton  # type: ignore[import-untyped]  # it has no types

from tests import bare_predictor, cleartext
from tests.models import ModelName, trained_model
from tests.serving_image.support.servers import eventually, metric, serving

REQUESTS = 40  # of each model, in the order of a fixed seed
LIMIT = 4_000_000  # bytes of a body
SPECIAL = (np.nan, np.inf, -np.inf, 3e38, -3e38, 1e-45, 0.0, -1.0, 255.0)
HUGE = (0, -1, -(2**31), 2**31 - 1, 2**31, 2**63, 10**30)


@pytest.mark.parametrize(
    ("name", "shape", "onednn"),
    [
        ("character-rec", (1, 3, 48, 160), True),
        ("character-det", (1, 3, 160, 224), False),
        ("text-det", (1, 3, 160, 224), True),
        ("text-rec", (2, 3, 48, 160), True),
        ("table-structure", (1, 3, 488, 488), True),
    ],
)
def test_trained_models_answer_as_the_bare_predictor_does(
    name: ModelName, shape: tuple[int, ...], onednn: bool, tmp_path: Path
) -> None:
    """Some fail with oneDNN, which the server finds out by itself."""
    folder = trained_model(name)
    array = np.random.default_rng(1).random(shape, np.float32)
    wanted = bare_predictor.predict(folder, {"x": array}, onednn=onednn)
    # Two rows are the most that is sent; to measure runs of 32 took the largest model fifteen seconds.
    options: dict[str, Any] = {"max_batch_size": 2, "max_request_bytes": 50_000_000}
    with serving(folder, tmp_path, name="trained", **options) as server:
        tensor = triton.InferInput("x", list(shape), "FP32")
        tensor.set_data_from_numpy(array, binary_data=True)
        with triton.InferenceServerClient(f"127.0.0.1:{server.port}", network_timeout=180) as client:
            answer = client.infer("trained", [tensor])
        assert [output["name"] for output in answer.get_response()["outputs"]] == list(wanted)
        for output, expected in wanted.items():
            found = answer.as_numpy(output)
            assert found.shape == expected.shape
            assert np.allclose(found, expected, atol=1e-3)
        if not onednn:
            assert "oneDNN is off: the model does not run with it" in server.logged()


def body(chance: random.Random, shape: tuple[int, ...]) -> bytes:
    """Random or special numbers, sometimes some bytes too few or too many."""
    numbers = np.random.default_rng(chance.getrandbits(32)).random(shape, np.float32)
    flat = numbers.reshape(-1)
    for _ in range(chance.choice((0, 1, flat.size // 2))):
        flat[chance.randrange(flat.size)] = chance.choice(SPECIAL)
    if chance.random() < 0.2:
        flat[:] = chance.choice(SPECIAL)
    cut = chance.choice((0, 0, 0, 0, -1, -4, 4))
    return numbers.tobytes()[:cut] if cut < 0 else numbers.tobytes() + b"\0" * cut


def claimed(chance: random.Random, sent: tuple[int, ...]) -> str:
    """What the header says of the shape: the truth, or something huge, negative, or of another rank."""
    if chance.random() < 0.7:
        return ",".join(map(str, sent))
    wrong = list(sent)
    wrong[chance.randrange(4)] = chance.choice(HUGE)
    return ",".join(map(str, chance.choice((wrong, wrong[1:], [*wrong, 1]))))


@pytest.mark.slow  # fuzzing: tests/fuzz has fixed seeds for every day
@pytest.mark.parametrize(
    ("name", "heights"),
    [("textline-orientation", (48,)), ("character-rec", (48,)), ("text-det", (1, 31, 32, 64))],
)
def test_no_tensor_ends_a_process(name: ModelName, heights: tuple[int, ...], tmp_path: Path) -> None:
    chance, statuses = random.Random(20), set()
    folder = trained_model(name)
    tensors = '{"tensors": {}}'
    with serving(folder, tmp_path, task=tensors, max_request_bytes=LIMIT, timeout_seconds=120) as server:
        (worker,) = server.processes("worker")
        with cleartext.Client(timeout=180) as client:
            for _ in range(REQUESTS):
                width = chance.choice((1, 2, 7, 8, 31, 32, 33, 48, 160, 192))
                sent = chance.choice((1, 1, 2, 3, 5)), 3, chance.choice(heights), width
                headers = {
                    "Content-Type": "application/octet-stream",
                    "X-Tensor-Shape": claimed(chance, sent),
                }
                answer = client.post(f"{server.url}/predict", content=body(chance, sent), headers=headers)
                statuses.add(answer.status_code)
        assert statuses == {200, 400}
        assert server.processes("worker") == [worker]
        eventually(lambda: metric(server, "paddle_inflight_requests") == 0, "no request is left over")
