"""The light import of Paddle against the whole one: the same state and calls, the same bits in answers."""

import ast
import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
from paddlemodel_server.engine.importing import light_paddle

from tests import cleartext
from tests.models import ModelName, trained_model
from tests.serving_image.support.servers import Server, serving
from tests.trained_text import with_files

PROGRAM = Path(__file__).parents[2] / "support/models/asked_predictors.py"
Export = Callable[[str, str], Path]
# By design one ends its process, one fills its memory, one takes seconds, two are refused before.
APART = {"mortal", "greedy", "slow", "complex", "echo"}
TRAINED: tuple[ModelName, ...] = ("textline-orientation", "character-rec")
# OpenCV's own, which the whole of Paddle imports.
OPENCV = {"LD_LIBRARY_PATH", "QT_QPA_PLATFORM_PLUGIN_PATH", "QT_QPA_FONTDIR"}


def asked(how: str, *folders: Path, **environment: str) -> dict[str, Any]:
    command = [sys.executable, "-W", "ignore", str(PROGRAM), how, *map(str, folders)]
    done = subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, check=False, timeout=1500
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_the_state_is_that_of_the_whole_import() -> None:
    """Whoever takes another Paddle in has to see that this still holds, then change `VERSION`."""
    light, whole = (asked(how, FLAGS_max_inplace_grad_add="3") for how in ("light", "whole"))
    assert light["why"] == ""
    assert whole["why"] == "it had been imported before"
    assert light["version"] == whole["version"] == distribution("paddlepaddle").version
    assert light["flags"] == whole["flags"]
    assert light["flags"]["FLAGS_max_inplace_grad_add"] == "3"
    assert light["environment"] == {k: v for k, v in whole["environment"].items() if k not in OPENCV}
    assert {"paddle.nn", "paddle.distributed", "setuptools", "httpx", "cv2"} <= set(whole["modules"])
    assert not {"paddle.nn", "paddle.distributed", "setuptools", "httpx", "cv2"} & set(light["modules"])


def predicted(server: Server) -> Any:
    body = {"instances": [[1, 2]]}
    answer = cleartext.post(f"{server.url}/v1/models/model:predict", json=body, timeout=180)
    assert answer.status_code == 200, answer.text
    return answer.json()["predictions"]


def calls(source: str, *functions: str) -> list[str]:
    """The calls of `core` in functions or, without any, in a module's own lines; what atexit gets, too."""
    tree = ast.parse(source)
    parts: list[ast.stmt] = [one for one in tree.body if not isinstance(one, ast.FunctionDef | ast.ClassDef)]
    if functions:
        parts = [one for one in tree.body if isinstance(one, ast.FunctionDef) and one.name in functions]
    found = [node for part in parts for node in ast.walk(part) if isinstance(node, ast.Attribute)]
    names = [ast.unparse(node) for node in sorted(found, key=lambda node: (node.lineno, -node.col_offset))]
    return [name for name in dict.fromkeys(names) if name.startswith("core.")]


def test_what_paddle_base_calls_is_called_here() -> None:
    base = Path(str(distribution("paddlepaddle").locate_file("paddle/base/__init__.py"))).read_text()
    theirs = [*calls(base, "__bootstrap__"), *calls(base)]
    ours = calls(Path(light_paddle.__file__).read_text(), "_initialise")
    assert "core.init_devices" in theirs
    of_others = {"core.is_compiled_with_ipu"}  # Graphcore's, of which there are no builds any more
    assert ours == [name for name in theirs if name not in of_others]


def test_answers_are_the_same_to_the_bit(exported: Export) -> None:
    folders = [trained_model(name) for name in TRAINED]
    for model_format in ("pir", "legacy"):
        small = exported(model_format, "mixed").parent
        folders += sorted(folder for folder in small.iterdir() if folder.name not in APART)
    light, whole = (asked(how, *folders)["answers"] for how in ("light", "whole"))
    assert light == whole
    digests = [{answer for answer in answers.values() if len(answer) == 64} for answers in light.values()]
    assert all(digests)
    assert len(digests) > 40
    assert len(set.union(*digests)) > 30  # they answer, and not all the same


@pytest.fixture(scope="module")
def whole(exported: Export) -> dict[str, Any]:
    """The whole import, and its answers."""
    return asked("whole", exported("pir", "every"))


@pytest.mark.parametrize("call", ["init_gflags", "init_devices", "init_default_kernel_signatures"])
def test_what_fails_is_imported_whole(exported: Export, whole: dict[str, Any], call: str) -> None:
    """From the beginning: whatever the first try has done to the process is gone."""
    found = asked(call, exported("pir", "every"))
    assert found["why"] == f"RuntimeError: {call} fails"
    assert found["answers"] == whole["answers"]
    assert found["flags"] == whole["flags"]
    assert "paddle.nn" in found["modules"]


FAILING = """
import os

if "_PADDLE_FAILED_TO_IMPORT_LIGHT" not in os.environ:
    raise RuntimeError("first")
"""


def another_paddle(folder: Path, name: str, more: str) -> Path:
    """The installed package, with more at the end of one of its files."""
    installed, package = Path(str(distribution("paddlepaddle").locate_file("paddle"))), folder / "site/paddle"
    other = package / name
    other.parent.mkdir(parents=True)
    for inside in (package, other.parent):
        for entry in (installed / inside.relative_to(package)).iterdir():
            link = inside / entry.name
            if link != other and not link.exists() and entry.name != "__pycache__":
                link.symlink_to(entry)
    other.write_text(f"{(installed / name).read_text()}\n{more}\n")
    return package


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("full_version = '3.4.0'", "it is version 3.4.0, and only 3.3.1 is known"),
        ("cuda_version = '12.6'", "it is built for another device than the CPU"),
    ],
)
def test_another_paddle_is_imported_whole_and_the_log_says_why(
    exported: Export, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, why: str
) -> None:
    package = another_paddle(tmp_path, "version/__init__.py", line)
    monkeypatch.setenv("PYTHONPATH", str(package.parent))
    with serving(exported("pir", "mixed"), tmp_path) as server:
        assert server.logged().count(f"the whole of Paddle is imported, which takes longer: {why}") == 1
        assert predicted(server) == [{"fetch_name_0": [3, 5], "fetch_name_1": 1.5}]


HANDLER = """
import json

import paddle


def preprocess(body, content_type):
    numbers = paddle.nn.functional.relu(paddle.to_tensor(json.loads(body), "float32"))
    return {"x": numbers.numpy()}


def postprocess(outputs, kept):
    return outputs["fetch_name_0"]
"""


def test_a_handler_has_the_whole_of_paddle_beside_a_worker_with_the_light_one(
    exported: Export, tmp_path: Path
) -> None:
    folder = with_files(exported("pir", "mixed"), tmp_path / "model", handler__py=HANDLER)
    with serving(folder, tmp_path, task='{"custom":{}}', custom_tasks="true") as server:
        found = cleartext.post(f"{server.url}/predict", content="[[-1, 2]]", timeout=180)
        assert (found.status_code, found.json()) == (200, [[1, 5]])
        assert "the whole of Paddle is imported" not in server.logged()


def test_a_worker_whose_light_import_fails_begins_anew_with_all_that_it_was_given(
    exported: Export, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By `-m`, with its arguments and the files that the supervisor has opened for it."""
    package = another_paddle(tmp_path, "cuda_env.py", FAILING)
    monkeypatch.setenv("PYTHONPATH", str(package.parent))
    with serving(exported("pir", "mixed"), tmp_path) as server:
        assert server.logged().count("which takes longer: RuntimeError: first") == 1
        assert predicted(server) == [{"fetch_name_0": [3, 5], "fetch_name_1": 1.5}]
