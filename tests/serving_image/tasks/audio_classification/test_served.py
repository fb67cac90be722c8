"""Sounds through a real server: words of synthetic voices, by a model that was trained on others of them."""

import io
import json
import wave
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile  # type: ignore[import-untyped]
from paddlemodel_api.tasks.sound.sound_input import LogMel as Fields
from paddlemodel_server.errors import StartError
from paddlemodel_server.model import files, signature
from paddlemodel_server.protocol.served import Place, ScoreKind
from paddlemodel_server.tasks import registry
from paddlemodel_server.tasks.audio.features import LogMel
from paddlemodel_server.tasks.audio_classification.task import AudioClassification

from tests import bare_predictor, cleartext
from tests.serving_image.support.command_line import command
from tests.serving_image.support.flask_door import flask_door
from tests.serving_image.support.servers import Server, cannot, serving, stopped
from tests.speech import NoVoiceError, executable, spoken
from tests.trained_sounds import FEATURES, UNHEARD, WORDS, heard, keywords

TASK = {
    "audioClassification": {"features": {"logMel": FEATURES}, "labelsFile": "labels.txt", "maxSeconds": 5}
}


@pytest.fixture(scope="module")
def model() -> Path:
    try:
        executable()
    except NoVoiceError as missing:
        raise cannot(str(missing)) from None
    return keywords()


@pytest.fixture(scope="module")
def server(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("words")
    with serving(model, folder, name="words", max_batch_size=4, task=json.dumps(TASK)) as running:
        yield running


def word(number: int, voice: str = UNHEARD[0]) -> bytes:
    return spoken(WORDS[number], f"en-us+{voice}")


def sent(server: Server, body: bytes, **headers: str) -> Any:
    return cleartext.post(f"{server.url}/predict", content=body, headers=headers, timeout=180)


def written(body: bytes, kind: str, rate: int | None = None) -> bytes:
    samples, given = soundfile.read(io.BytesIO(body))
    content = io.BytesIO()
    soundfile.write(content, samples, rate or given, format=kind)
    return content.getvalue()


def test_words_of_unheard_voices_are_told_apart(server: Server) -> None:
    """Two voices that the training had not; two words of sixteen may be missed (none or one is)."""
    right = [
        sent(server, word(number, voice)).json()["label"] == WORDS[number]
        for voice in UNHEARD
        for number in range(len(WORDS))
    ]
    assert sum(right) >= len(right) - 2


def test_an_answer_is_the_bare_predictor_s(server: Server, model: Path) -> None:
    """With the labels of a file; logits get a softmax, which the warm-up finds out."""
    answer = sent(server, word(2))
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert list(found) == ["class_id", "label", "score", "top_k", "seconds", "truncated", "model"]
    assert (found["model"], found["truncated"]) == ("words", False)
    assert found["seconds"] == pytest.approx(soundfile.info(io.BytesIO(word(2))).duration, abs=1e-3)
    (logits,) = bare_predictor.predict(model, {"sound": heard(word(2))[None, None]}).values()
    scores = np.exp(logits[0].astype(np.float64))
    scores /= scores.sum()
    assert len(found["top_k"]) == 5
    for entry in found["top_k"]:
        assert entry["score"] == pytest.approx(scores[entry["class_id"]], abs=1e-5)
        assert entry["label"] == WORDS[entry["class_id"]]


def test_a_voice_at_the_model_s_own_rate_is_heard_as_it_is(server: Server, model: Path) -> None:
    """16 kHz: nothing is resampled, so the model gets the numbers that stand in the file."""
    samples, body = at_16_khz(word(0))
    answer = sent(server, body).json()
    assert answer["label"] == "yes"
    assert answer["seconds"] == len(samples) / 16000
    frames = LogMel(Fields.model_validate(FEATURES), 40).compute(samples)
    (logits,) = bare_predictor.predict(model, {"sound": frames[None, None]}).values()
    scores = np.exp(logits[0].astype(np.float64))
    scores /= scores.sum()
    for entry in answer["top_k"]:
        assert entry["score"] == pytest.approx(scores[entry["class_id"]], abs=1e-6)
    assert sent(server, word(0)).json()["score"] == pytest.approx(answer["score"], abs=0.05)


def at_16_khz(body: bytes) -> tuple[Any, bytes]:
    """A voice's samples at this rate, FP32 [samples], and as a WAV file; by no library that the server uses.

    Above 8 kHz the Fourier transform of the whole sound is left out.
    """
    with wave.open(io.BytesIO(body)) as file:
        spoken_at, content = file.getframerate(), file.readframes(file.getnframes())
    given = np.frombuffer(content, "<i2").astype(np.float64)
    count = len(given) * 16000 // spoken_at
    found = np.fft.irfft(np.fft.rfft(given)[: count // 2 + 1], count) * count / len(given)
    whole = np.clip(found.round(), -32768, 32767).astype("<i2")
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(whole.tobytes())
    return (whole / 32768).astype(np.float32), made.getvalue()


def test_every_kind_of_file_is_heard(server: Server, tmp_path: Path) -> None:
    for kind, suffix in (("WAV", "wav"), ("FLAC", "flac"), ("OGG", "ogg"), ("MP3", "mp3")):
        body = written(word(0), kind)
        assert sent(server, body, **{"Content-Type": f"audio/{suffix}"}).json()["label"] == "yes"
        (tmp_path / f"yes.{suffix}").write_bytes(body)
        assert json.loads(command("predict", server.url, tmp_path / f"yes.{suffix}"))["label"] == "yes"


def test_neighbours_change_no_answer(server: Server) -> None:
    """Sounds of other lengths, and copies that share its run."""
    bodies = [word(number) for number in (0, 2, 2, 6, 2)]
    alone = [sent(server, body).json() for body in bodies]
    with ThreadPoolExecutor(len(bodies)) as threads:
        with stopped(server):
            together = [threads.submit(sent, server, body) for body in bodies]
        for one, other in zip(alone, together, strict=True):
            found = other.result().json()
            assert found["class_id"] == one["class_id"]
            assert found["score"] == pytest.approx(one["score"], abs=1e-6)


@pytest.mark.parametrize(
    ("body", "headers", "status", "said"),
    [
        (b"", {}, 400, "The body is empty"),
        (b"GIF89a", {}, 415, "The body is not a WAV, FLAC, Ogg or MP3 sound."),
        (
            b"{}",
            {"Content-Type": "application/json"},
            415,
            "This model takes the bytes of one sound; send the",
        ),
        (b"RIFF", {"X-Tensor-Shape": "1,2"}, 400, "X-Tensor-Shape"),
        (b"RIFF", {"Accept": "image/png"}, 406, "application/json"),
    ],
)
def test_what_is_no_sound_is_refused_by_both_doors(
    server: Server, body: bytes, headers: dict[str, str], status: int, said: str
) -> None:
    with flask_door(server) as port:
        for url in (server.url, f"http://127.0.0.1:{port}"):
            answer = cleartext.post(f"{url}/predict", content=body, headers=headers)
            assert answer.status_code == status
            assert said in answer.json()["error"]


def test_both_doors_hear_the_same(server: Server) -> None:
    silence = io.BytesIO()
    soundfile.write(silence, np.zeros(6 * 8000), 8000, format="FLAC")
    with flask_door(server) as port:
        for body, status in ((word(3), 200), (silence.getvalue(), 400)):
            answers = [sent(server, body), cleartext.post(f"http://127.0.0.1:{port}/predict", content=body)]
            assert {answer.status_code for answer in answers} == {status}
            assert answers[0].json() == answers[1].json()
    assert answers[0].json() == {"error": "The sound is 6.0 seconds long; at most 5 are taken."}


def test_it_is_documented(server: Server) -> None:
    document: dict[str, Any] = cleartext.get(f"{server.url}/openapi.json").json()
    operation = document["paths"]["/predict"]["post"]
    assert operation["summary"] == "Classify one sound"
    assert "audio/flac" in operation["requestBody"]["content"]
    assert document["components"]["schemas"]["Heard"]["required"][-3:] == ["seconds", "truncated", "model"]
    assert cleartext.get(f"{server.url}/").json()["task"] == "audioClassification"


def fitted(model: Path, scores: ScoreKind | None = None, **fields: Any) -> AudioClassification:
    chosen = registry.read(json.dumps({"audioClassification": {"features": {"logMel": FEATURES}, **fields}}))
    place = Place(model=signature.read(files.locate(model)), folder=model, scores=lambda: scores)
    return AudioClassification.fit(chosen.spec, place)


@pytest.mark.parametrize(
    ("asked_for", "found", "expected"),
    [
        ("Auto", "Logits", "Softmax"),
        ("Auto", None, "Softmax"),
        ("Auto", "Independent", "None"),
        ("Auto", "Probabilities", "None"),
        ("Sigmoid", "Logits", "Sigmoid"),
        ("None", "Logits", "None"),
    ],
)
def test_what_turns_outputs_into_scores(
    model: Path, asked_for: str, found: ScoreKind | None, expected: str
) -> None:
    assert fitted(model, found, activation=asked_for).activation(found) == expected


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"labels": ["one"]}, "has 1 labels, the model 8 classes"),
        ({"output": "y"}, "names the output 'y', the model has "),
        ({"features": {"waveform": {}}}, "takes an input such as FP32 [-1, -1] or [-1, 1, -1]"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_cure(model: Path, fields: dict[str, Any], said: str) -> None:
    with pytest.raises(StartError) as refusal:
        fitted(model, **fields)
    assert refusal.value.message.startswith(f"The task audioClassification {said}")
