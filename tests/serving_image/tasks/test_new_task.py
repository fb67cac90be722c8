"""A task is added by its own files and one line of the registry: a toy is served, documented and called."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paddlemodel_api.tasks
import pytest
from paddlemodel_server.tasks import registry

from tests import cleartext
from tests.serving_image.support.command_line import command
from tests.serving_image.support.models import toy_task
from tests.serving_image.support.servers import Server, serving

TASK = '{"reversedLine":{"separator":";"}}'
CSV = {"Content-Type": "text/csv"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return toy_task.site(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def toy(
    site: dict[str, str], exported: Callable[[str, str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """The model answers twice its input, plus one."""
    before = ["env", *(f"{name}={value}" for name, value in site.items())]
    folder = tmp_path_factory.mktemp("toy")
    with serving(exported("pir", "mixed"), folder, before, name="toy", task=TASK) as running:
        yield running


def test_it_is_served(toy: Server) -> None:
    answer = cleartext.post(f"{toy.url}/predict", content="1;2;3", headers=CSV)
    assert (answer.status_code, answer.json()) == (200, {"numbers": [7.0, 5.0, 3.0], "model": "toy"})
    wrong = cleartext.post(f"{toy.url}/predict", content="1;b", headers=CSV)
    assert (wrong.status_code, wrong.json()) == (
        400,
        {"error": "The line holds something that is no number."},
    )
    other = cleartext.post(f"{toy.url}/predict", json={})
    assert other.status_code == 415
    assert other.json() == {"error": "This model takes a line of numbers as text/csv."}
    entry = {"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}
    tensors = cleartext.post(f"{toy.url}/v2/models/toy/infer", json={"inputs": [entry]})
    assert tensors.json()["outputs"][0]["data"] == [3.0, 5.0]


def test_it_is_documented(toy: Server) -> None:
    document: dict[str, Any] = cleartext.get(f"{toy.url}/openapi.json").json()
    operation = document["paths"]["/predict"]["post"]
    assert operation["summary"] == "Send a line"
    assert list(operation["requestBody"]["content"]) == ["text/csv"]
    assert {"200", "400", "415", "503"} <= operation["responses"].keys()
    assert "Numbers" in document["components"]["schemas"]
    assert document["components"]["schemas"]["About"]["properties"]["task"] == {"const": "reversedLine"}


def test_it_is_on_the_page(toy: Server) -> None:
    assert cleartext.get(f"{toy.url}/").json()["task"] == "reversedLine"
    page = cleartext.get(f"{toy.url}/", headers={"Accept": "text/html"}).text
    assert "reversedLine · PaddlePaddle model" in page
    assert 'accept="text/csv"' in page
    assert "Choose a line, or drop one here" in page
    assert "<code>line.csv</code> stands for your line" in page
    assert f"curl {toy.url}/predict -H &#39;Content-Type: text/csv&#39; --data-binary @line.csv" in page


def test_the_command_line_sends_its_files(toy: Server, site: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "line.csv").write_text("1;2")
    program = "import sys; from paddlemodel_server.cli import main; main(sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", program, "predict", toy.url, str(tmp_path / "line.csv")],
        env=site,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == {"numbers": [5.0, 3.0], "model": "toy"}
    shown = subprocess.run(
        [sys.executable, "-c", program, "predict", "--help"],
        env=site,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "line.csv        a line of numbers, for the task reversedLine" in shown.stdout
    assert "line.csv" not in command("predict", "--help")  # without the toy


def test_its_rule_follows_from_the_members() -> None:
    (rule,) = toy_task.Task.rules
    members = (*paddlemodel_api.tasks.Task.members(), "reversedLine")
    listed = ", ".join(f"has(self.{member})" for member in members)
    assert rule.cel == f"[{listed}].filter(present, present).size() == 1"
    assert "reversedLine" not in registry.TASKS  # this process has not registered it
