"""The examples of the tasks for texts and sounds, and of code beside a model."""

import io
import json
import tempfile
from pathlib import Path

import numpy as np
import soundfile  # type: ignore[import-untyped]

from tests.cluster.examples.asking import Answer, Asked, Example, first_alone
from tests.models import made_once
from tests.serving_image.support.models import exporter
from tests.speech import spoken
from tests.trained_sounds import UNHEARD, WORDS, dialled, keywords, telephone
from tests.trained_text import minilm, with_files
from tests.trained_tokens import lac

JSON = "application/json"
HANDLER = """
import numpy as np


def preprocess(body, content_type):
    return {"x": np.array([[float(word) for word in body.split()]])}


def postprocess(outputs, kept):
    return {"prices": outputs["fetch_name_0"][0]}
"""


def _vectors(asked: Asked) -> Answer:
    """By the server's own route, by OpenAI's with curl's headers, and by OpenAI's client."""
    guitar = asked.post(json.dumps({"text": "A guitar"}).encode(), content_type=JSON)
    assert (len(guitar["embedding"]), guitar["truncated"]) == (384, False)
    texts = ["A guitar", "A stock market"]
    body = json.dumps({"model": asked.name, "input": texts}).encode()
    listed = asked.post(body, "/v1/embeddings", content_type=JSON)
    import openai  # noqa: PLC0415 - a second of CPU, which each process of pytest would spend

    with openai.OpenAI(base_url=f"{asked.url}/v1", api_key="any", max_retries=0) as client:
        theirs = client.embeddings.create(model=asked.name, input=texts).data
    for one, other in zip(listed["data"], theirs, strict=True):
        assert np.abs(np.array(one["embedding"]) - np.array(other.embedding)).max() < 1e-6
    assert np.abs(np.array(guitar["embedding"]) - np.array(theirs[0].embedding)).max() < 1e-6
    long = asked.post(("word " * 300).encode(), content_type="text/plain")
    assert (long["tokens"], long["truncated"]) == (256, True)
    return guitar


def _mood(asked: Asked) -> Answer:
    texts = ["What a delightful evening, I loved every minute of it.", "This was a waste of time and money."]
    found = asked.post(json.dumps({"texts": texts}).encode(), content_type=JSON)
    assert [one["label"] for one in found["results"]] == ["praise", "blame"]
    return found


def _entities(asked: Asked) -> Answer:
    found = asked.post(json.dumps({"text": "李彦宏2000年在北京创建百度。"}).encode(), content_type=JSON)
    named = {one["text"]: one["label"] for one in found["entities"] if one["label"].isupper()}
    assert named == {"李彦宏": "PER", "2000年": "TIME", "北京": "LOC", "百度": "ORG"}
    return found


def _command(asked: Asked) -> Answer:
    found = asked.post(spoken(WORDS[0], f"en-us+{UNHEARD[0]}"))
    assert found["label"] == WORDS[0] == "yes"
    return found


def _call(asked: Asked) -> Answer:
    content = io.BytesIO()
    soundfile.write(content, dialled("0815", 3, pause=0.1), 8000, format="WAV")
    found = asked.post(content.getvalue())
    assert found["text"] == "0815"
    return found


def _priced() -> Path:
    """A model that answers twice its input and one more, with code beside it."""

    def make(folder: Path) -> None:
        with tempfile.TemporaryDirectory() as exported:
            exporter.export(Path(exported), "pir")
            with_files(Path(exported, "mixed"), folder, handler__py=HANDLER)

    return made_once("prices", exporter.PROGRAM.read_text() + HANDLER, make)


def _prices(asked: Asked) -> Answer:
    found = asked.post(b"3 120 1987", content_type="text/plain")
    assert found["prices"] == [7, 241, 3975]
    return found


EXAMPLES = {
    "text-embedding.yaml": Example(models=first_alone(minilm), ask=_vectors),
    "text-classification.yaml": Example(models=first_alone(lambda: minilm("sentiment")), ask=_mood),
    "token-classification.yaml": Example(models=first_alone(lac), ask=_entities),
    "audio-classification.yaml": Example(models=first_alone(keywords), ask=_command),
    "speech-recognition.yaml": Example(models=first_alone(lambda: telephone("wide")), ask=_call),
    "custom.yaml": Example(models=first_alone(_priced), ask=_prices),
}
