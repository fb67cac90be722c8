"""Texts through a real server: vectors as the bare predictor gives them, alone and in any company."""

import base64
import json
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tokenizers

from tests import bare_predictor, cleartext
from tests.serving_image.describe.documented import check_examples
from tests.serving_image.support.command_line import command
from tests.serving_image.support.flask_door import flask_door
from tests.serving_image.support.servers import READY_SECONDS, Server, end, serving, start
from tests.trained_text import minilm, with_files

Vector = np.ndarray[Any, np.dtype[np.float64]]
TEXTS = (
    "A man is playing a guitar.",
    "Someone plays an instrument.",
    "The stock market fell sharply today.",
    "猫 и 🐈 naïve " * 12,
    "long words go on and on " * 30,
)
NEAR = 1e-6


def expected(text: str) -> Vector:
    """sentence-transformers' steps on the bare predictor's answer: no padding, mean of all, length 1."""
    tokenizer = tokenizers.Tokenizer.from_file(str(minilm() / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    ids = np.array([tokenizer.encode(text).ids])
    inputs = {
        "input_ids": ids,
        "token_type_ids": np.zeros_like(ids),
        "attention_mask": np.ones_like(ids),
    }
    (states,) = bare_predictor.predict(minilm(), inputs).values()
    vector: Vector = states[0].astype(np.float64).mean(axis=0)
    return vector / np.linalg.norm(vector)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(
        minilm(),
        tmp_path_factory.mktemp("minilm"),
        name="minilm",
        max_batch_size=4,
        task='{"textEmbedding":{}}',
        workers=2,
    ) as running:
        yield running


def asked(server: Server, content: Any, status: int = 200) -> Any:
    answer = cleartext.post(f"{server.url}/predict", json=content, timeout=180)
    assert answer.status_code == status, answer.text
    return answer.json()


def test_a_text_becomes_the_vector_that_the_bare_predictor_gives(server: Server) -> None:
    for text in TEXTS:
        found = asked(server, {"text": text})
        assert list(found) == ["embedding", "tokens", "truncated", "model"]
        assert (found["truncated"], found["model"]) == (False, "minilm")
        assert np.abs(np.array(found["embedding"]) - expected(text)).max() < NEAR
    guitar, instrument, stocks = (expected(text) for text in TEXTS[:3])
    assert guitar @ instrument == pytest.approx(0.667, abs=2e-3)  # what sentence-transformers gives
    assert guitar @ stocks < 0.1


def test_no_company_changes_a_vector(server: Server) -> None:
    """Of many lengths in one list, and from many clients at once."""
    many = [f"{text} {'more ' * at}" for at in range(20) for text in TEXTS[:3]]
    alone = [asked(server, {"text": text})["embedding"] for text in many]
    listed = [entry["embedding"] for entry in asked(server, {"texts": many})["results"]]
    with ThreadPoolExecutor(16) as threads:
        crowd = list(threads.map(lambda text: asked(server, {"text": text})["embedding"], many))
    assert np.abs(np.array(listed) - np.array(alone)).max() < NEAR
    assert np.abs(np.array(crowd) - np.array(alone)).max() < NEAR


def test_a_list_is_answered_in_order_with_faults_in_their_places(server: Server) -> None:
    many = [*TEXTS, "", "word " * 300, TEXTS[0]]
    results = asked(server, {"texts": many})["results"]
    assert [("error" in entry) for entry in results] == [False] * 5 + [True, True, False]
    assert results[5] == {"error": "The text is empty."}
    assert results[6] == {"error": "The text has 302 tokens; this model takes 256 at most."}
    assert np.abs(np.array(results[7]["embedding"]) - np.array(results[0]["embedding"])).max() < NEAR
    assert asked(server, {"texts": ["", " "]})["results"] == [{"error": "The text is empty."}] * 2


def test_openai_s_client_works_unchanged(server: Server) -> None:
    import openai  # noqa: PLC0415 - a second of CPU, which each process of pytest would spend

    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="any", max_retries=0) as client:
        for given in ({}, {"encoding_format": "float"}, {"encoding_format": "base64"}, {"dimensions": 384}):
            answer = client.embeddings.create(model="minilm", input=list(TEXTS[:2]), **given)
            assert [entry.index for entry in answer.data] == [0, 1]
            assert answer.model == "minilm"
            assert answer.usage.prompt_tokens == answer.usage.total_tokens == 16
            for entry, text in zip(answer.data, TEXTS, strict=False):
                found: Any = entry.embedding
                if isinstance(found, str):  # it was asked for by name, so the client leaves it as it is
                    found = np.frombuffer(base64.b64decode(found), "<f4").tolist()
                assert np.abs(np.array(found) - expected(text)).max() < NEAR
        single = client.embeddings.create(model="minilm", input=TEXTS[0])
        assert len(single.data[0].embedding) == 384
        with pytest.raises(openai.NotFoundError, match="There is no model"):
            client.embeddings.create(model="other", input="a")
        with pytest.raises(openai.BadRequestError, match="token ids"):
            client.embeddings.create(model="minilm", input=[[1, 2]])


def test_curl_asks_as_it_asks_openai(server: Server) -> None:
    """The command of OpenAI's reference, but for the address: a key that nobody wants does no harm."""
    asked = json.dumps({"model": "minilm", "input": TEXTS[0], "encoding_format": "float"})
    headers = ["-H", "Content-Type: application/json", "-H", "Authorization: Bearer any"]
    typed = ["curl", "-sS", "--fail", f"{server.url}/v1/embeddings", *headers, "-d", asked]
    answer = json.loads(subprocess.run(typed, check=True, capture_output=True, timeout=180).stdout)
    assert (answer["object"], answer["model"]) == ("list", "minilm")
    assert np.abs(np.array(answer["data"][0]["embedding"]) - expected(TEXTS[0])).max() < NEAR


WRONG: dict[str, tuple[str, Any, int, str]] = {
    "empty": ("/predict", {"text": " "}, 400, "The text is empty."),
    "long": ("/predict", {"text": "word " * 300}, 400, "The text has 302 tokens; this model takes 256"),
    "100 kB": ("/predict", {"text": "word " * 20_000}, 400, "The text has 20002 tokens"),
    "no text": ("/predict", {"text": 5}, 400, "text is a number; expected a text."),
    "other field": (
        "/predict",
        {"text": "a", "normalize": True},
        400,
        'The request has the field "normalize"',
    ),
    "empty input": (
        "/v1/embeddings",
        {"model": "minilm", "input": ["a", ""]},
        400,
        "input[1]: The text is empty",
    ),
    "long input": (
        "/v1/embeddings",
        {"model": "minilm", "input": "a " * 300},
        400,
        "input[0]: The text has 302",
    ),
    "no input": ("/v1/embeddings", {"model": "minilm"}, 400, "input is null; expected a list of texts."),
    "no model": (
        "/v1/embeddings",
        {"input": "a"},
        404,
        "There is no model null here; this server has minilm.",
    ),
    "ids": ("/v1/embeddings", {"model": "minilm", "input": [1, 2]}, 400, "input holds token ids; send texts"),
    "fewer numbers": (
        "/v1/embeddings",
        {"model": "minilm", "input": "a", "dimensions": 3},
        400,
        "dimensions is 3; this model's vectors have 384 numbers, and are not cut.",
    ),
    "form": (
        "/v1/embeddings",
        {"model": "minilm", "input": "a", "encoding_format": "hex"},
        400,
        'encoding_format is "hex"; expected float or base64.',
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_request_is_told_what_is_wrong(server: Server, name: str) -> None:
    path, content, status, said = WRONG[name]
    answer = cleartext.post(f"{server.url}{path}", json=content)
    error = answer.json()["error"]
    sentence = error["message"] if path == "/v1/embeddings" else error
    assert (answer.status_code, sentence[: len(said)]) == (status, said)


PLAIN = {"Content-Type": "text/plain; charset=utf-8"}
BODIES: dict[str, tuple[str, bytes, dict[str, str], int]] = {
    "plain": ("/predict", TEXTS[3].encode(), PLAIN, 200),
    "not UTF-8": ("/predict", b"\xff", PLAIN, 400),
    "curl": ("/predict", b"a", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
    "nothing said": ("/predict", b"a", {}, 415),
    "a list": (
        "/predict",
        json.dumps({"texts": ["a", ""]}).encode(),
        {"Content-Type": "application/json"},
        200,
    ),
    "accept": ("/predict", b"a", PLAIN | {"Accept": "image/png"}, 406),
    "shaped": ("/predict", b"a", PLAIN | {"X-Tensor-Shape": "1"}, 400),
    "sized": ("/predict", b"a", PLAIN | {"Inference-Header-Content-Length": "0"}, 400),
    "openai": ("/v1/embeddings", json.dumps({"model": "minilm", "input": "a"}).encode(), {}, 200),
    "openai plain": ("/v1/embeddings", b"a", PLAIN, 415),
    "id": ("/predict", b"a", PLAIN | {"X-Request-Id": "seven-7"}, 200),
}


def test_both_doors_answer_alike(server: Server) -> None:
    with flask_door(server) as port:
        for name, (path, content, headers, status) in BODIES.items():
            first, second = (
                cleartext.post(f"{url}{path}", content=content, headers=headers)
                for url in (server.url, f"http://127.0.0.1:{port}")
            )
            assert (name, first.status_code) == (name, status), first.text
            assert (name, second.status_code) == (name, status)
            for header in ("content-type", "x-request-id"):
                assert first.headers.get(header) == second.headers.get(header)
            assert list(first.json()) == list(second.json())


def test_tensors_are_taken_as_before(server: Server) -> None:
    names = ("input_ids", "token_type_ids", "attention_mask")
    inputs = [{"name": n, "datatype": "INT64", "shape": [1, 2], "data": [1, 1]} for n in names]
    answer = cleartext.post(f"{server.url}/v2/models/minilm/infer", json={"inputs": inputs})
    assert answer.json()["outputs"][0]["shape"] == [1, 2, 384]


def test_it_is_documented_and_called_from_the_command_line(server: Server, tmp_path: Path) -> None:
    document = cleartext.get(f"{server.url}/openapi.json").json()
    assert {"/predict", "/v1/embeddings"} <= document["paths"].keys()
    assert "404" in document["paths"]["/v1/embeddings"]["post"]["responses"]
    assert check_examples(server.url) == 6
    (tmp_path / "guitar.txt").write_text(TEXTS[0])
    found = json.loads(command("predict", server.url, tmp_path / "guitar.txt"))
    assert np.abs(np.array(found["embedding"]) - expected(TEXTS[0])).max() < NEAR
    assert "a text (.txt), for the tasks" in command("predict", "--help")


def test_the_truncated_end_is_told(tmp_path: Path) -> None:
    """With a vocab.txt alone; the answer is that to the text which is left."""
    folder = with_files(minilm(), tmp_path / "model", "tokenizer.json")
    task = '{"textEmbedding":{"longTexts":"Truncate","maxTokens":10}}'
    with serving(folder, tmp_path, name="minilm", max_batch_size=2, task=task) as server:
        long, short = asked(server, {"texts": ["word " * 300, "word " * 8]})["results"]
        assert (long["tokens"], long["truncated"]) == (10, True)
        assert (short["tokens"], short["truncated"]) == (10, False)
        assert np.abs(np.array(long["embedding"]) - np.array(short["embedding"])).max() < NEAR
        assert np.abs(np.array(short["embedding"]) - expected("word " * 8)).max() < NEAR
        data = cleartext.post(
            f"{server.url}/v1/embeddings", json={"model": "minilm", "input": ["word " * 300, "word"]}
        ).json()["data"]
        assert [entry.get("truncated") for entry in data] == [True, None]


def test_a_model_that_pools_and_normalises_itself(tmp_path: Path) -> None:
    """It has no input for the mask: the padding tokens tell it."""
    with serving(minilm("pooled"), tmp_path, warmup_seconds=0, task='{"textEmbedding":{}}') as server:
        for text in TEXTS[:3]:
            assert np.abs(np.array(asked(server, {"text": text})["embedding"]) - expected(text)).max() < NEAR


@pytest.mark.parametrize(
    ("task", "written", "said"),
    [
        (
            "{}",
            {"tokenizer__json": '{"model": {"vocab": {"a": 1}}}'},
            "tokenizer.json beside the model is no",
        ),
        ('{"pooling":"None"}', {}, "The task textEmbedding has pooling None, the output fetch_name_0 FP32"),
        ('{"maxTokens":513}', {}, "The task textEmbedding takes 513 tokens, the model 512"),
    ],
)
def test_a_server_that_cannot_read_texts_does_not_start(
    tmp_path: Path, task: str, written: dict[str, str], said: str
) -> None:
    folder = with_files(minilm(), tmp_path / "model", **written)
    server = start(folder, tmp_path, task=f'{{"textEmbedding":{task}}}')
    try:
        assert server.process.wait(READY_SECONDS) == 1
        assert said in server.logged()
    finally:
        end(server)


def test_other_tasks_have_no_such_route(tmp_path: Path) -> None:
    with (
        serving(minilm("pooled"), tmp_path, warmup_seconds=0, task='{"tensors":{}}') as server,
        flask_door(server) as port,
    ):
        for url in (server.url, f"http://127.0.0.1:{port}"):
            answer = cleartext.post(f"{url}/v1/embeddings", json={"model": "model", "input": "a"})
            assert (answer.status_code, answer.json()) == (
                404,
                {"error": "There is no such route; /openapi.json has them all."},
            )
        assert "/v1/embeddings" not in cleartext.get(f"{server.url}/openapi.json").json()["paths"]
