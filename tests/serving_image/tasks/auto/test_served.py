"""A model with inference.yml beside it, and no task, through a real server and by `inspect`."""

import io
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from tests import bare_predictor, cleartext
from tests.serving_image.support.command_line import command
from tests.serving_image.support.servers import Server, serving

CONFIG: dict[str, Any] = {
    "Global": {"model_name": "PP-LCNet_x1_0"},
    "PreProcess": {
        "transform_ops": [
            {"ResizeImage": {"size": [32, 32]}},
            {"NormalizeImage": {"scale": "1./255.", "mean": [0.0, 0.0, 0.0], "std": [1.0, 1.0, 1.0]}},
            {"ToCHWImage": None},
        ]
    },
    "PostProcess": {"Topk": {"topk": 2, "label_list": [f"n{at}" for at in range(10)]}},
}


@pytest.fixture(scope="module")
def folder(exported: Callable[[str, str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export") / "model"
    shutil.copytree(exported("pir", "picture"), folder)
    (folder / "inference.yml").write_text(yaml.dump(CONFIG))
    return folder


@pytest.fixture(scope="module")
def server(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(folder, tmp_path_factory.mktemp("served"), name="itself") as running:
        yield running


def test_it_answers_as_the_file_says(server: Server, folder: Path) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (32, 32, 3), np.uint8)
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    answer = cleartext.post(f"{server.url}/predict", content=content.getvalue()).json()
    tensor = (pixels.astype(np.float32) / np.float32(255)).transpose(2, 0, 1)[None]
    (logits,) = bare_predictor.predict(folder, {"image": tensor}).values()
    wanted = np.exp(logits[0]) / np.exp(logits[0]).sum()
    best = np.argsort(-wanted)[:2]
    assert [entry["label"] for entry in answer["top_k"]] == [f"n{at}" for at in best]
    assert [entry["score"] for entry in answer["top_k"]] == pytest.approx(wanted[best].tolist(), abs=1e-5)


def test_log_facts_and_page_say_where_each_value_comes_from(server: Server) -> None:
    facts = cleartext.get(f"{server.url}/").json()
    assert (facts["task"], facts["task_source"]) == ("imageClassification", "inference.yml")
    origins = {entry["field"]: (entry["value"], entry["from"]) for entry in facts["task_settings"]}
    assert origins["topK"] == ("2", "inference.yml: PostProcess.Topk.topk")
    assert origins["activation"] == ('"Auto"', "default")
    started = next(
        record for record in map(json.loads, server.logged().splitlines()) if record["message"] == "starting"
    )
    assert (started["task"], started["task_found_in"]) == ("imageClassification", "inference.yml")
    assert "topK 2 (inference.yml: PostProcess.Topk.topk)" in started["task_settings"]
    page = cleartext.get(f"{server.url}/", headers={"Accept": "text/html"}).text
    assert "imageClassification, by inference.yml" in page
    assert "<td>inference.yml: PostProcess.Topk.topk</td>" in page


def test_inspect_says_it_before_anything_runs(folder: Path, tmp_path: Path) -> None:
    shown = command("inspect", folder)
    assert "imageClassification, told by inference.yml, where spec.task names none" in shown
    assert "topK 2, from inference.yml: PostProcess.Topk.topk" in shown
    task = json.loads(command("inspect", folder, "--json"))["task"]
    assert (task["name"], task["source"]) == ("imageClassification", "inference.yml")
    shutil.copytree(folder, tmp_path / "other")
    tree = CONFIG | {"PreProcess": {"transform_ops": [{"Blur": {}}]}}
    (tmp_path / "other" / "inference.yml").write_text(yaml.dump(tree))
    assert "names the operation 'Blur'" in command("inspect", tmp_path / "other").replace("\n", " ")
    assert "'Blur'" in json.loads(command("inspect", tmp_path / "other", "--json"))["task"]["error"]
