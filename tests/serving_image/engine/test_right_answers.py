"""Models that were answered wrongly, or ended the server, though bare Paddle answers them rightly."""

import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import bare_predictor, cleartext
from tests.serving_image.support.command_line import command
from tests.serving_image.support.servers import Server, metric, serving, tensor

Export = Callable[[str, str], Path]
FORMATS = ("pir", "legacy")
GROWN = [[2, 4, 6, 8], [3, 5, 7, 9]]

LAYER = """
import paddle


class Growing(paddle.nn.Layer):
    def __init__(self):
        super().__init__()
        self.two = self.create_parameter([1], default_initializer=paddle.nn.initializer.Constant(2))

    def forward(self, x):
        y, step = x.unsqueeze(2) * self.two, paddle.zeros([], "int32")
        while step < paddle.full([], 6, "int32"):
            y = paddle.concat([y, y[:, :, -1:] + 1.0], axis=2)
            step = step + 1
        return y
"""


def rows(server: Server, x: Any) -> Any:
    answer = cleartext.post(f"{server.url}/v1/models/model:predict", json={"instances": x}, timeout=180)
    assert answer.status_code == 200, answer.text
    return answer.json()["predictions"]


@pytest.mark.parametrize("model_format", FORMATS)
def test_a_cache_that_grows_in_a_loop(exported: Export, tmp_path: Path, model_format: str) -> None:
    """With its tensors kept from run to run every answer of the PIR program was stale."""
    with serving(exported(model_format, "growing"), tmp_path) as server:
        for number in range(20):
            grown = [[2 * (number + column) + step for step in range(7)] for column in range(4)]
            assert rows(server, [[number + column for column in range(4)]]) == [grown]
        three = np.arange(12).reshape(3, 4)
        expected = (three[:, :, None] * 2 + np.arange(7)).tolist()
        assert all(rows(server, three.tolist()) == expected for _ in range(5))
        assert metric(server, "paddle_batch_cap_rows") == 1
        assert "the program branches or loops by values (while)" in server.logged()


def test_export_saves_a_layer_with_a_growing_cache(tmp_path: Path) -> None:
    """What was saved was right, and the way it was run to be compared was wrong."""
    (tmp_path / "layers.py").write_text(LAYER)
    arguments = ("export", "layers.py:Growing", "--input", "x:float32[-1,4]", "--output", "model", "--json")
    (saved,) = json.loads(command(*arguments, folder=tmp_path))
    assert max(saved["largest_difference"].values()) < 1e-6


@pytest.mark.parametrize("model_format", FORMATS)
def test_a_row_is_answered_alike_beside_whatever_others_send(
    exported: Export, tmp_path: Path, model_format: str
) -> None:
    """The model asks whether any number of the whole run is above ten: half of the neighbours' are."""
    with (
        serving(exported(model_format, "loudest"), tmp_path, max_delay_ms=5) as server,
        ThreadPoolExecutor(16) as pool,
    ):
        calm, loud = [[1.0, 2.0, 3.0, 4.0]], [[11.0, 2.0, 3.0, 4.0]]
        found = list(pool.map(lambda at: rows(server, loud if at % 2 else calm), range(400)))
        assert found == [[[-22, -4, -6, -8]] if at % 2 else [[2, 4, 6, 8]] for at in range(400)]
        assert "no batching: rows of one run change each other's answers" in server.logged()


@pytest.mark.parametrize("model_format", FORMATS)
def test_a_detector_that_finds_nothing(exported: Export, tmp_path: Path, model_format: str) -> None:
    """It starts, though noise holds no object, nor does the user's sample; its answers have no rows."""
    folder = tmp_path / "model"
    folder.mkdir()
    for file in exported(model_format, "finding").iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    nothing = np.zeros((2, 4), np.float32)
    np.savez(folder / "warmup.npz", x=nothing)
    with serving(folder, tmp_path) as server:
        for x in (nothing, np.add(nothing, [[600], [0]])):
            body = {"inputs": [tensor("x", "FP32", x.astype(np.float32))]}
            answer = cleartext.post(f"{server.url}/v2/models/model/infer", json=body, timeout=180).json()
            first, second = answer["outputs"]
            assert first["shape"] == [int((x[:, 0] > 500).sum()), 4]
            assert (len(first["data"]), second["shape"]) == (4 * first["shape"][0], [2, 4])
        raw = {"Content-Type": "application/octet-stream", "Accept": "application/octet-stream"}
        empty = cleartext.post(f"{server.url}/predict", content=nothing.tobytes(), headers=raw, timeout=180)
        assert (empty.status_code, empty.content, empty.headers["x-tensor-shape"]) == (200, b"", "0,4")
    np.savez(tmp_path / "x.npz", x=nothing)
    found = json.loads(command("predict", folder, tmp_path / "x.npz", "--json"))
    assert [output["shape"] for output in found["outputs"]] == [[0, 4], [2, 4]]


@pytest.mark.parametrize("model_format", FORMATS)
@pytest.mark.parametrize("name", ["tokens", "padded-tokens"])
def test_ids_beyond_the_table_are_refused_and_cost_nobody_anything(
    exported: Export, tmp_path: Path, model_format: str, name: str
) -> None:
    """Paddle reads past a table with padding_idx: foreign memory was answered, and the process died."""
    folder = exported(model_format, name)
    with serving(folder, tmp_path) as server:
        (worker,) = server.processes("worker")
        for at, wrong in ((2, 50), (0, -1), (1, -2), (2, 60), (1, 50_000_000_000), (0, -(2**63))):
            ids = np.array([[1, 2, 3]])
            ids[0, at] = wrong
            sentence = (
                f"Input ids has the id {wrong} at position {at}; the model's table has the ids 0 to 49."
            )
            raw = {"Content-Type": "application/octet-stream", "X-Tensor-Shape": "1,3"}
            for answer in (
                cleartext.post(f"{server.url}/v1/models/model:predict", json={"instances": ids.tolist()}),
                cleartext.post(f"{server.url}/predict", json={"inputs": [tensor("ids", "INT64", ids)]}),
                cleartext.post(f"{server.url}/predict", content=ids.tobytes(), headers=raw),
            ):
                assert (answer.status_code, answer.json()["error"]) == (400, sentence)
        right = np.array([[0, 1, 49], [0, 0, 0]])
        (wanted,) = bare_predictor.predict(folder, {"ids": right}, onednn=False).values()
        assert np.allclose(rows(server, right.tolist()), wanted, atol=1e-5)
        assert server.processes("worker") == [worker]


# Saved by Paddle itself: `export` asks a model for single rows, too.
TOGETHER = """
import paddle
from paddle.static import InputSpec


class Weighted(paddle.nn.Layer):
    def __init__(self):
        super().__init__()
        self.one = self.create_parameter([1], default_initializer=paddle.nn.initializer.Constant(1))


class Pairwise(Weighted):
    def forward(self, x):
        return (x * self.one).reshape([-1, 2, 3]).mean(axis=1)


class Edges(Weighted):
    def forward(self, x, ends):
        return paddle.gather_nd(x * self.one, ends)


x, ends = InputSpec([None, 3], "float32", "x"), InputSpec([None, 1], "int64", "ends")
paddle.jit.save(Pairwise(), "Pairwise/inference", input_spec=[x])
paddle.jit.save(Edges(), "Edges/inference", input_spec=[x, ends])
"""


def test_models_whose_rows_belong_together_are_served(tmp_path: Path) -> None:
    """No single row that is made up suits them: they were refused at the start."""
    (tmp_path / "layers.py").write_text(TOGETHER)
    subprocess.run([sys.executable, "-W", "ignore", "layers.py"], cwd=tmp_path, check=True)
    x = tensor("x", "FP32", np.array([[1, 2, 3], [3, 4, 5]], np.float32))
    ends = tensor("ends", "INT64", np.array([[1], [0]]))
    for name, inputs, wanted in (
        ("Pairwise", [x], [[2, 3, 4]]),
        ("Edges", [x, ends], [[3, 4, 5], [1, 2, 3]]),
    ):
        with serving(tmp_path / name, tmp_path) as server:
            body = {"inputs": inputs}
            answer = cleartext.post(f"{server.url}/v2/models/model/infer", json=body, timeout=180).json()
            (output,) = answer["outputs"]
            assert np.array(output["data"]).reshape(output["shape"]).tolist() == wanted
