"""The keys of a telephone, written down by a real server: alone, filled up, and among neighbours."""

import io
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile  # type: ignore[import-untyped]
from paddlemodel_server.errors import StartError
from paddlemodel_server.model import files, signature
from paddlemodel_server.protocol import Request
from paddlemodel_server.protocol.served import Place, ScoreKind, Served
from paddlemodel_server.tasks import registry
from paddlemodel_server.tasks.speech_recognition.task import Heard, SpeechRecognition

from tests import cleartext
from tests.serving_image.support.flask_door import flask_door
from tests.serving_image.support.servers import Server, serving, stopped
from tests.trained_sounds import KEYS, TONES, dialled, telephone
from tests.trained_text import with_files

FIELDS: dict[str, Any] = {"features": {"fbank": TONES}, "maxSeconds": 10}
NUMBERS = ("5", "0815", "123456789*0#", "77 11 00")


def task(**fields: Any) -> str:
    return json.dumps({"speechRecognition": FIELDS | fields})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("telephone")
    with serving(telephone(), folder, name="telephone", max_batch_size=8, task=task()) as running:
        yield running


def call(keys: str, seed: int = 3, kind: str = "WAV") -> bytes:
    content = io.BytesIO()
    soundfile.write(content, dialled(keys, seed, pause=0.1), 8000, format=kind)
    return content.getvalue()


def sent(server: Server, body: bytes) -> Any:
    answer = cleartext.post(f"{server.url}/predict", content=body, timeout=180)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_keys_are_written_down(server: Server) -> None:
    for keys in NUMBERS:
        found = sent(server, call(keys))
        assert list(found) == ["text", "score", "seconds", "truncated", "model"]
        assert (found["text"], found["model"], found["truncated"]) == (
            keys.replace(" ", ""),
            "telephone",
            False,
        )
        assert 0.5 < found["score"] <= 1
        assert found["seconds"] == pytest.approx(len(dialled(keys, 3, pause=0.1)) / 8000, abs=1e-3)


def test_silence_says_nothing(server: Server) -> None:
    found = sent(server, call("   "))
    assert (found["text"], found["score"]) == ("", 0)


def test_neighbours_change_no_answer(server: Server) -> None:
    """Calls of one filled-up length run together; what the workers send is reduced."""
    bodies = [call("12", seed) for seed in range(6)] + [call(KEYS)]
    alone = [sent(server, body) for body in bodies]
    with ThreadPoolExecutor(len(bodies)) as threads:
        with stopped(server):
            together = [threads.submit(sent, server, body) for body in bodies]
        for one, other in zip(alone, together, strict=True):
            assert other.result()["text"] == one["text"]
            assert other.result()["score"] == pytest.approx(one["score"], abs=1e-6)


def test_what_fills_a_sound_up_changes_no_answer_and_logits_get_a_softmax(
    server: Server, tmp_path: Path
) -> None:
    """The same network without its softmax, and its sounds as long as they are."""
    with serving(
        telephone("logits"), tmp_path, name="logits", max_batch_size=1, task=task(padding="None")
    ) as plain:
        for keys in NUMBERS:
            filled, whole = sent(server, call(keys)), sent(plain, call(keys))
            assert filled["text"] == whole["text"]
            assert filled["score"] == pytest.approx(whole["score"], abs=1e-4)


def test_both_doors_answer_alike_and_refuse_alike(server: Server) -> None:
    with flask_door(server) as port:
        for body, status in ((call("42", kind="FLAC"), 200), (call("1" * 80), 400), (b"RIFF", 415)):
            answers = [
                cleartext.post(f"{url}/predict", content=body)
                for url in (server.url, f"http://127.0.0.1:{port}")
            ]
            assert [answer.status_code for answer in answers] == [status, status]
            assert answers[0].json() == answers[1].json()


def test_it_is_documented(server: Server) -> None:
    document: dict[str, Any] = cleartext.get(f"{server.url}/openapi.json").json()
    assert document["paths"]["/predict"]["post"]["summary"] == "Recognise speech"
    heard = document["components"]["schemas"]["Heard"]
    assert heard["required"] == ["text", "score", "seconds", "truncated", "model"]


def fitted(folder: Path, scores: ScoreKind | None = None, **fields: Any) -> SpeechRecognition:
    chosen = registry.read(task(**fields))
    place = Place(model=signature.read(files.locate(folder)), folder=folder, scores=lambda: scores)
    return SpeechRecognition.fit(chosen.spec, place)


@pytest.mark.parametrize(
    ("asked_for", "found", "expected"),
    [
        ("Auto", "Probabilities", True),
        ("Auto", "Logits", False),
        ("Auto", "Independent", False),
        ("Auto", None, False),
        ("None", None, True),
        ("Softmax", "Probabilities", False),
    ],
)
def test_workers_reduce_probabilities_alone(asked_for: str, found: ScoreKind | None, expected: bool) -> None:
    """The best of logits says nothing of its probability."""
    assert fitted(telephone(), found, activation=asked_for).probabilities is expected


def test_whole_outputs_are_read_either_way() -> None:
    """Where nothing is reduced."""
    random = np.random.default_rng(3).standard_normal((1, 9, 13)).astype(np.float32)
    chances = np.exp(random) / np.exp(random).sum(-1, keepdims=True)
    for given, how in ((random, "Softmax"), (chances, "None")):
        read = fitted(telephone(), activation=how)
        model = signature.read(files.locate(telephone()))
        served = Served(name="x", model=model, task=read, max_request_bytes=1)
        found = read.result(served, Request(arrays=[], kept=Heard({}, 9, 9)), [given])
        best = chances[0].argmax(-1)
        assert found["text"] == "".join(
            read.vocabulary.tokens[n] for at, n in enumerate(best) if n and (at == 0 or best[at - 1] != n)
        )


@pytest.mark.parametrize(
    ("written", "fields", "said"),
    [
        ("<blank>\n1\n", {}, "has 2 tokens in vocab.txt, the model "),
        (None, {"output": "y"}, "names the output 'y', the model has "),
        (None, {"features": {"waveform": {}}}, "takes an input such as FP32 [-1, -1] or [-1, 1, -1]"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_cure(
    tmp_path: Path, written: str | None, fields: dict[str, Any], said: str
) -> None:
    files_of = {"vocab__txt": written} if written else {}
    with pytest.raises(StartError) as refusal:
        fitted(with_files(telephone(), tmp_path / "model", **files_of), **fields)
    assert refusal.value.message.startswith(f"The task speechRecognition {said}")


def test_a_classifier_is_no_recogniser(exported: Any) -> None:
    with pytest.raises(StartError, match=r"takes one input for the sound|takes an input such as"):
        fitted(exported("pir", "mixed"))
