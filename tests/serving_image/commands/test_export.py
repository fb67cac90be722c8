"""The command export: a layer becomes a model that answers as the layer does, or nothing is left."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.serving_image.support.command_line import command

LAYERS = """
import paddle

class Net(paddle.nn.Layer):
    def __init__(self):
        super().__init__()
        self.convolution = paddle.nn.Conv2D(3, 16, 3)
        self.dropout = paddle.nn.Dropout(0.5)
        self.linear = paddle.nn.Linear(16, 10)

    def forward(self, image):
        features = paddle.nn.functional.relu(self.convolution(image)).mean(axis=[2, 3])
        return self.linear(self.dropout(features)), features

class Random(paddle.nn.Layer):
    def __init__(self):
        super().__init__()
        self.linear = paddle.nn.Linear(4, 4)

    def forward(self, x):
        return self.linear(x) + paddle.randn([1])

class Half(paddle.nn.Layer):
    def __init__(self):
        super().__init__()
        self.linear = paddle.nn.Linear(4, 4)

    def forward(self, x):
        return self.linear(x.astype("float32")), x * 2

class Broken(paddle.nn.Layer):
    def forward(self, x):
        return x.there_is_no_such_method()
"""


def test_export_saves_both_formats_and_compares_them_with_the_layer(tmp_path: Path) -> None:
    (tmp_path / "layers.py").write_text(LAYERS)
    report = json.loads(
        command(
            *("export", "layers.py:Net", "--input", "image:float32[-1,3,-1,-1]", "--output", "model"),
            *("--format", "both", "--shape", "image=1,3,24,40", "--record", "live.jsonl", "--json"),
            folder=tmp_path,
        )
    )
    assert [one["format"] for one in report] == ["pir", "legacy"]
    for one in report:
        assert set(one["largest_difference"]) == {"1", "3"}
        assert max(one["largest_difference"].values()) < 1e-3
        found = json.loads(command("inspect", tmp_path / one["folder"], "--json"))
        assert found["inputs"][0] == {"name": "image", "datatype": "FP32", "shape": [-1, 3, -1, -1]}
        assert [output["shape"][0] for output in found["outputs"]] == [-1, -1]
    # The layer's own answers, recorded from one format, hold for the other, whose outputs have other names.
    assert json.loads(command("verify", "model/legacy", "live.jsonl", "--json", folder=tmp_path))["agrees"]


def test_export_compares_bfloat16_which_numpy_does_not_have(tmp_path: Path) -> None:
    (tmp_path / "layers.py").write_text(LAYERS)
    arguments = ("export", "layers.py:Half", "--input", "x:bfloat16[-1,4]", "--output", "model", "--json")
    (one,) = json.loads(command(*arguments, folder=tmp_path))
    assert set(one["largest_difference"]) == {"1", "3"}
    found = json.loads(command("inspect", tmp_path / "model", "--json"))
    assert [t["datatype"] for t in (*found["inputs"], *found["outputs"])] == ["BF16", "FP32", "BF16"]


def test_export_quantises_and_the_weights_shrink(tmp_path: Path) -> None:
    (tmp_path / "layers.py").write_text(LAYERS)
    np.savez(tmp_path / "rows.npz", image=np.random.default_rng(1).random((16, 3, 16, 16), dtype=np.float32))
    arguments = ("export", "layers.py:Net", "--input", "image:float32[-1,3,16,16]", "--json")
    command(*arguments, "--output", "small", "--int8", "rows.npz", folder=tmp_path)
    found = json.loads(command("inspect", tmp_path / "small", "--json"))
    assert found["quantised"] is True
    assert found["parameters"]["values_by_dtype"]["int8"] == 16 * 3 * 3 * 3 + 16 * 10


@pytest.mark.parametrize(
    ("layer", "sentence"),
    [
        ("layers.py:Nothing", "layers.py has no function or class Nothing"),
        ("nowhere:Net", "there is no module nowhere in this folder or installed"),
        ("layers.py:Broken", "has no attribute 'there_is_no_such_method' (layers.py, line "),
        ("layers.py:Random", "differs from the live layer by "),
    ],
)
def test_an_export_that_fails_leaves_nothing(tmp_path: Path, layer: str, sentence: str) -> None:
    (tmp_path / "layers.py").write_text(LAYERS)
    arguments = ("export", layer, "--input", "x:float32[-1,4]", "--output", "model")
    assert sentence in command(*arguments, folder=tmp_path, code=1)
    assert not (tmp_path / "model").exists()


WEIGHTS = """
import paddle

paddle.save({f"old.{at}": paddle.zeros([1]) for at in range(7)} | {"linear.bias": paddle.zeros([3])}, "other")
paddle.save([paddle.zeros([1])], "list")
open("text", "w").write("hello")
"""


def test_weights_that_are_not_of_the_layer_are_refused_by_name(tmp_path: Path) -> None:
    """Paddle itself only warns, and leaves the random numbers of the layer where they are."""
    (tmp_path / "layers.py").write_text(LAYERS)
    (tmp_path / "weights.py").write_text(WEIGHTS)
    subprocess.run([sys.executable, "-W", "ignore", "weights.py"], cwd=tmp_path, check=True)

    def refusal(weights: str) -> str:
        arguments = ("export", "layers.py:Random", "--input", "x:float32[-1,4]", "--output", "model")
        printed = command(*arguments, "--weights", weights, folder=tmp_path, code=1)
        assert not (tmp_path / "model").exists()
        return printed

    assert (
        "other is not of this layer: 2 (linear.weight, linear.bias) of the layer's tensors are not in it "
        "with their shape, 8 (old.0, old.1, old.2, old.3, old.4, …) of its tensors fit none."
    ) in refusal("other")
    assert "list does not hold a layer's state_dict(), a dict of tensors by name." in refusal("list")
    assert "text is not a file of paddle.save." in refusal("text")
