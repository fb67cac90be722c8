"""Every call of Paddle in engine/paddle.py, the GPU's too, against the signatures of the installed package.

Nothing here has a GPU. An upgrade of Paddle that renames a call or an argument fails here, not in a cluster.
"""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from paddlemodel_server.engine import interface

DOOR = Path(interface.__file__).with_name("paddle.py")
RECEIVERS = {
    "config": "AnalysisConfig",
    "self._predictor": "PaddleInferPredictor",
    "handle": "PaddleInferTensor",
    "inference": "inference",
    "paddle": "paddle",
    "paddle.device": "paddle",
    "paddle.device.cuda": "paddle",
}


@pytest.fixture(scope="module")
def signatures() -> dict[str, str]:
    program = Path(__file__).parents[1] / "support/models/paddle_calls.py"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", program], capture_output=True, text=True, check=True, timeout=240
    )
    found: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return found


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Each call of something of Paddle, and the name of what it calls."""
    for node in ast.walk(ast.parse(DOOR.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            receiver = RECEIVERS.get(ast.unparse(node.func.value))
            if receiver:
                yield f"{receiver}.{node.func.attr}", node


def overloads(text: str) -> Iterator[list[str]]:
    """The parameters of each signature in a docstring of pybind11, or in one of `inspect`."""
    for line in text.splitlines():
        if found := re.match(r"\s*(?:\d+\. )?\w*\((.*)\) ->", line):
            if "*args, **kwargs" in found[1]:
                continue
            parameters = _split(found[1])
            yield parameters[1:] if parameters and parameters[0].partition(":")[0] == "self" else parameters


def _split(text: str) -> list[str]:
    parts, depth = [""], 0
    for character in text:
        depth += (character in "([{<") - (character in ")]}>")
        if character == "," and not depth:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts if part.strip()]


def takes(parameters: list[str], call: ast.Call) -> bool:
    """Whether a signature takes the arguments of a call."""
    names = [parameter.partition(":")[0].strip() for parameter in parameters]
    required = {name for name, parameter in zip(names, parameters, strict=True) if " = " not in parameter}
    positional = names[: len(call.args)]
    keywords = [keyword.arg for keyword in call.keywords]
    given = {*positional, *keywords}
    return len(call.args) <= len(names) and given <= set(names) and required <= given


def test_every_call_exists_and_takes_its_arguments(signatures: dict[str, str]) -> None:
    seen = set()
    for name, call in calls():
        if name == "inference.Config":
            continue  # its constructor is overloaded without a docstring; every other test calls it
        if name in {"paddle.disable_signal_handler", "paddle.set_flags"}:
            continue  # Python functions, called by every test that loads a model
        assert name in signatures, f"the installed Paddle has no {name}"
        parameters = list(overloads(signatures[name]))
        assert parameters, f"{name} documents no signature: {signatures[name]!r}"
        assert any(takes(p, call) for p in parameters), f"{ast.unparse(call)} does not fit {signatures[name]}"
        seen.add(name)
    # What no test on a CPU can run must be among them, or this test has become blind.
    assert {
        "AnalysisConfig.enable_use_gpu",
        "AnalysisConfig.enable_tensorrt_engine",
        "AnalysisConfig.enable_tuned_tensorrt_dynamic_shape",
        "AnalysisConfig.collect_shape_range_info",
        "AnalysisConfig.set_optim_cache_dir",
        "PaddleInferPredictor.try_shrink_memory",
        "paddle.get_device_name",
    } <= seen


def test_every_precision_exists(signatures: dict[str, str]) -> None:
    used = set(re.findall(r"PrecisionType\.(\w+)", DOOR.read_text()))
    assert used == {"Float32", "Half", "Bfloat16", "Int8"}
    assert used <= set(signatures["precisions"].split(","))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("f(1)", True),
        ("f(1, b=2)", True),
        ("f(b=2)", False),
        ("f(1, 2, 3)", False),
        ("f(1, c=2)", False),
    ],
)
def test_this_test_tells_a_fitting_call_from_another(source: str, expected: bool) -> None:
    ((parameters),) = overloads("f(self: X, a: int, b: dict[str, list[int]] = {}) -> None")
    call = ast.parse(source).body[0].value  # type: ignore[attr-defined]  # an expression
    assert takes(parameters, call) is expected
