"""The tokens of each step become a text: connectionist temporal classification, the best of each step; pure.

Repetitions are one token, and what a blank stands between is said twice (Graves et al. 2006, section 3.1).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from paddlemodel_server.errors import NotFiniteError, StartError
from paddlemodel_server.protocol import Array

BLANK = "<blank>"  # the token, unless the spec names another
_SPACES = {"<space>": " ", "▁": " "}
_ENDS = frozenset({"<eos>", "<sos/eos>", "<sos>"})  # tokens that are no text


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """What each class of the model stands for.

    Attributes:
        tokens: as they are written into a text; "" for those that are no text.
        blank: the number of the class that stands for nothing.
    """

    tokens: tuple[str, ...]
    blank: int


@dataclass(frozen=True, slots=True)
class Said:
    """A text and how sure the model is: the mean of the kept tokens' scores; 0 where nothing is said."""

    text: str
    score: float


def vocabulary(task: str, name: str, blank: str, folder: Path) -> Vocabulary:
    """Read the file of tokens.

    Args:
        task: the member of spec.task.
        name: of the file.
        blank: the token that stands for nothing.
        folder: of the model's files.

    Raises:
        StartError: `VocabularyMissing`.
    """
    try:
        lines = (folder / name).read_bytes().decode("utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise StartError(
            "VocabularyMissing",
            f"The vocabulary {name} cannot be read from the model's folder ({error}); add it to the model as "
            f"UTF-8 text with one token per line, or correct spec.task.{task}.vocabularyFile.",
        ) from None
    if not lines[-1]:
        lines.pop()  # it stands behind the last line's end
    found = [line.rstrip("\r") for line in lines]
    number = found.index(blank) if blank in found else 0
    tokens = ["" if at == number or token in _ENDS else _written(token) for at, token in enumerate(found)]
    return Vocabulary(tokens=tuple(tokens), blank=number)


def _written(token: str) -> str:
    return _SPACES.get(token, token.replace("▁", " "))


def steps(outputs: int, frames: int, filled: int) -> int:
    """How many steps of the output belong to the sound, where it was filled up.

    Args:
        outputs: steps of the output.
        frames: of the sound.
        filled: frames that the model got.
    """
    return min(outputs, -(-outputs * frames // filled))


def read(vocabulary: Vocabulary, classes: Array, scores: Array) -> Said:
    """The text.

    Args:
        vocabulary: of the model.
        classes: whole numbers [steps], the best class of each.
        scores: floats [steps], its probability.

    Raises:
        NotFiniteError: one of the scores is no number.
    """
    if not np.isfinite(scores).all():
        raise NotFiniteError
    changed = np.ones(len(classes), bool)
    changed[1:] = classes[1:] != classes[:-1]
    kept = changed & (classes != vocabulary.blank)
    if not kept.any():
        return Said("", 0.0)
    text = "".join(vocabulary.tokens[number] for number in classes[kept])
    return Said(" ".join(text.split()), float(scores[kept].astype(np.float64).mean()))


def probable(logits: Array) -> tuple[Array, Array]:
    """The best class of each step and its probability.

    Args:
        logits: floats [steps, classes].
    """
    values = logits.astype(np.float64)
    with np.errstate(invalid="ignore"):  # what is no number is refused by `read`
        scores = 1 / np.exp(values - values.max(axis=-1, keepdims=True)).sum(axis=-1)
    return values.argmax(axis=-1), scores
