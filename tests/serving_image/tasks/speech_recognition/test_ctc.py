"""Steps become a text: repetitions, blanks, spaces, pieces of words, and files of tokens."""

from pathlib import Path

import numpy as np
import pytest
from paddlemodel_server.errors import NotFiniteError, StartError
from paddlemodel_server.tasks.speech_recognition import ctc

LETTERS = ctc.Vocabulary(tokens=("", "a", "b", " ", "▁x".replace("▁", " "), ""), blank=0)


def said(*classes: int, scores: list[float] | None = None) -> ctc.Said:
    given = np.array(scores if scores is not None else [0.5] * len(classes), np.float32)
    return ctc.read(LETTERS, np.array(classes, np.int32), given)


@pytest.mark.parametrize(
    ("classes", "text"),
    [
        ((), ""),
        ((0, 0, 0), ""),
        ((1,), "a"),
        ((0, 1, 1, 0, 2, 2), "ab"),
        ((1, 1, 0, 1), "aa"),
        ((1, 3, 2), "a b"),
        ((3, 1, 3, 3, 0, 3, 2, 3), "a b"),
        ((1, 4, 4, 2), "a xb"),
        ((1, 5, 2, 5), "ab"),
    ],
)
def test_what_is_said(classes: tuple[int, ...], text: str) -> None:
    assert said(*classes).text == text


def test_the_score_is_the_mean_of_what_is_kept() -> None:
    assert said(0, 1, 1, 2, scores=[0.1, 0.6, 0.2, 0.8]).score == pytest.approx(0.7)
    assert said(0, 0, scores=[0.9, 0.9]).score == 0


def test_numbers_that_are_none_are_no_text() -> None:
    with pytest.raises(NotFiniteError):
        said(0, 1, scores=[0.5, float("nan")])
    with pytest.raises(NotFiniteError):
        ctc.read(LETTERS, *ctc.probable(np.array([[0.0, np.nan, 1, 0, 0, 0]])))


def test_logits_and_logarithms_become_probabilities() -> None:
    logits = np.random.default_rng(1).standard_normal((7, 5)) * 30
    wanted = np.exp(logits - logits.max(-1, keepdims=True))
    wanted /= wanted.sum(-1, keepdims=True)
    for given in (logits, logits + 1000, np.log(np.maximum(wanted, 1e-300))):
        classes, scores = ctc.probable(given)
        np.testing.assert_array_equal(classes, wanted.argmax(-1))
        np.testing.assert_allclose(scores, wanted.max(-1), rtol=1e-9)


@pytest.mark.parametrize(
    ("outputs", "frames", "filled", "expected"),
    [(100, 200, 200, 100), (100, 101, 200, 51), (100, 1, 200, 1), (49, 200, 200, 49), (7, 3, 3, 7)],
)
def test_steps_of_the_sound(outputs: int, frames: int, filled: int, expected: int) -> None:
    assert ctc.steps(outputs, frames, filled) == expected


@pytest.mark.parametrize(
    ("content", "tokens", "blank"),
    [
        ("<blank>\n<unk>\na\n<space>\n<eos>\n", ("", "<unk>", "a", " ", ""), 0),
        ("a\nb\n<blank>", ("a", "b", ""), 2),
        ("_\na\r\n▁the\n▁\n", ("", "a", " the", " "), 0),
        ("\ufeff<blank>\n \n你\n👍\n", ("", " ", "你", "👍"), 0),
    ],
)
def test_a_file_of_tokens(tmp_path: Path, content: str, tokens: tuple[str, ...], blank: int) -> None:
    (tmp_path / "v.txt").write_text(content, newline="")
    found = ctc.vocabulary("speechRecognition", "v.txt", "<blank>", tmp_path)
    assert (found.tokens, found.blank) == (tokens, blank)


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_is_none_is_refused_with_a_cure(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "v.txt").write_bytes(content)
    with pytest.raises(StartError, match=r"or correct spec\.task\.speechRecognition\.vocabularyFile\.$"):
        ctc.vocabulary("speechRecognition", "v.txt", "<blank>", tmp_path)
