"""A recogniser's steps become a text; its dictionary, and the widths of its lines."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paddlemodel_api.tasks import TextRecognition as Spec
from paddlemodel_server.errors import NotFiniteError, StartError
from paddlemodel_server.model.signature import Model, Tensor
from paddlemodel_server.protocol.served import Place, Served
from paddlemodel_server.tasks import dictionaries
from paddlemodel_server.tasks.text_recognition import characters
from paddlemodel_server.tasks.text_recognition.task import TextRecognition

ABC = ("", "a", "b", "🇺🇸")


def tensor(*shape: int, dtype: str = "float32", name: str = "x") -> Tensor:
    return Tensor(name=name, dtype=dtype, shape=shape)


LINE, STEPS = tensor(-1, 3, 48, -1), tensor(-1, -1, 4)


def fitted(
    folder: Path,
    given: Tensor = LINE,
    output: Tensor = STEPS,
    place: dict[str, Any] | None = None,
    **spec: Any,
) -> TextRecognition:
    spec = spec or {"characters": ABC[1:]}
    model = Model(format="PIR", inputs=(given,), outputs=(output,))
    return TextRecognition.fit(Spec(**spec), Place(model=model, folder=folder, **(place or {})))


@pytest.mark.parametrize(
    ("classes", "text"),
    [
        ([0, 0, 0], ""),
        ([1, 2, 3], "ab🇺🇸"),
        ([1, 1, 2, 2, 2], "ab"),
        ([1, 0, 1], "aa"),
        ([0, 1, 1, 0, 0, 1, 2, 0], "aab"),
        ([3, 3, 0, 3], "🇺🇸🇺🇸"),
    ],
)
def test_repeated_steps_are_one_and_blanks_part_them(classes: list[int], text: str) -> None:
    assert characters.text(ABC, np.array(classes), np.ones(len(classes)))[0] == text


def test_the_score_is_the_mean_of_the_steps_that_speak() -> None:
    scores = np.array([0.9, 0.5, 0.1, 0.7], np.float32)
    assert characters.text(ABC, np.array([1, 1, 0, 2]), scores)[1] == pytest.approx(0.8)
    assert characters.text(ABC, np.array([0, 0, 0, 0]), scores)[1] == 0


@given(st.text("ab", max_size=8), st.data())
def test_a_text_that_is_spelled_with_blanks_is_read(text: str, data: st.DataObject) -> None:
    """However often a step is repeated, as long as equal neighbours have a blank between them."""
    classes: list[int] = []
    for at, letter in enumerate(text):
        equal = at > 0 and text[at - 1] == letter
        classes += [0] * data.draw(st.integers(int(equal), 2))
        classes += [ABC.index(letter)] * data.draw(st.integers(1, 3))
    assert characters.text(ABC, np.array(classes, int), np.ones(len(classes)))[0] == text


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_dictionary_has_a_character_per_line(tmp_path: Path, end: str) -> None:
    """Of several code points, or a space; what begins with a mark of its encoding is no other character."""
    content = "\ufeff" + ("\r\n" if "\r" in end else "\n").join(["a", " ", "\u3000", "🇺🇸"]) + end
    (tmp_path / "keys.txt").write_bytes(content.encode())
    assert dictionaries.read(tmp_path, "keys.txt", "character") == ["a", " ", "\u3000", "🇺🇸"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No such file"),
        (b"", "it is empty"),
        (b"\xff\xfe", "can't decode"),
        (b"x" * (5 << 20), "more than"),
    ],
)
def test_a_dictionary_that_cannot_be_read_is_one_sentence(
    tmp_path: Path, content: bytes | None, words: str
) -> None:
    if content is not None:
        (tmp_path / "keys.txt").write_bytes(content)
    with pytest.raises(StartError, match=r"The dictionary keys\.txt cannot be read") as refusal:
        fitted(tmp_path, dictionary_file="keys.txt")
    assert refusal.value.reason == "DictionaryMissing"
    assert words in refusal.value.message


@pytest.mark.parametrize(
    ("case", "what"),
    [
        pytest.param({"given": tensor(-1, 10)}, "takes an FP32 input", id="no-picture"),
        pytest.param({"output": tensor(-1, 4)}, "a known number of classes", id="a-classifier"),
        pytest.param({"output": tensor(-1, -1, -1)}, "a known number of classes", id="any-number-of-classes"),
        pytest.param(
            {"output": tensor(-1, -1, 4, dtype="int64")}, "takes a float output", id="a-decoder-inside"
        ),
        pytest.param({"output": tensor(-1, -1, 9)}, "has 3 characters (characters)", id="other-characters"),
        pytest.param(
            {"height": 32, "characters": ABC[1:]}, "has height 32, but the model's is 48", id="height"
        ),
        pytest.param({"min_width": 100}, "needs the characters", id="no-characters"),
    ],
)
def test_a_model_that_reads_no_text_is_refused(tmp_path: Path, case: dict[str, Any], what: str) -> None:
    with pytest.raises(
        StartError, match=r"The task textRecognition .*, or use the task tensors\."
    ) as refusal:
        fitted(tmp_path, **case)
    assert what in refusal.value.message


def test_a_space_is_the_last_class_where_there_is_one_more(tmp_path: Path) -> None:
    assert fitted(tmp_path).characters == ABC
    assert fitted(tmp_path, output=tensor(-1, -1, 5)).characters == (*ABC, " ")


@pytest.mark.parametrize(
    ("spec", "size", "width"),
    [
        pytest.param({}, (48, 10), 320, id="at-least"),
        pytest.param({}, (48, 321), 384, id="the-next-multiple"),
        pytest.param({}, (96, 1280), 640, id="scaled"),
        pytest.param({}, (10, 4000), 3200, id="at-most"),
        pytest.param({"width_step": 1}, (48, 321), 321, id="not-filled-up"),
        pytest.param({"min_width": 32, "width_step": 8}, (48, 30), 32, id="a-narrow-one"),
    ],
)
def test_a_line_s_width_follows_from_itself(
    tmp_path: Path, spec: dict[str, Any], size: tuple[int, int], width: int
) -> None:
    task = fitted(tmp_path, characters=ABC[1:], **spec)
    assert task.width(*size) == width
    assert fitted(tmp_path, given=tensor(-1, 3, 48, 100), characters=ABC[1:], **spec).width(*size) == 100


@pytest.mark.parametrize(("kind", "score"), [("Probabilities", 0.5), ("Logits", None)])
def test_only_probabilities_are_a_score(tmp_path: Path, kind: str, score: float | None) -> None:
    task = fitted(tmp_path, place={"scores": lambda: kind}, characters=ABC[1:])
    outputs = [np.array([[1, 0, 2]], np.int32), np.full((1, 3), 0.5, np.float32)]
    model = Model(format="PIR", inputs=(), outputs=())
    served = Served(name="m", model=model, task=task, max_request_bytes=1)
    assert task.answer(served, outputs) == {"text": "ab", "score": score}
    outputs[1][0, 1] = np.nan
    with pytest.raises(NotFiniteError):
        task.answer(served, outputs)
