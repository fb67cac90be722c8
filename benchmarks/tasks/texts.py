"""The workload of vectors: made-up texts of mixed lengths, and the loop that they are compared with."""

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.tasks.workload import Body, Workload

TEXTS = 400
_SENTENCE = (
    "the server answers a request with a vector for each text and nobody waits longer than needed "
    "while models of many kinds find what people mean in letters reviews questions and long reports"
)
_WORDS = _SENTENCE.split()


def _texts() -> list[str]:
    """Mostly sentences, some pages, as a search has them: 4 to 180 words, half of them below 16."""
    chosen = random.Random(3)
    lengths = [min(180, max(4, round(chosen.lognormvariate(2.8, 0.9)))) for _ in range(TEXTS)]
    return [" ".join(chosen.choices(_WORDS, k=length)) for length in lengths]


def _model() -> Path:
    from tests.trained_text import minilm  # noqa: PLC0415 - only where it is needed

    return minilm()


def _bodies() -> Sequence[Body]:
    return [Body(json.dumps({"text": text}).encode(), "application/json") for text in _texts()]


class Loop:
    """One text after the other, tokenized before, as long as it is: without padding, and without company."""

    def __init__(self, folder: Path, *, onednn: bool) -> None:
        from tokenizers import Tokenizer  # noqa: PLC0415 - only where it is needed

        from benchmarks.serving.bare import predictor  # noqa: PLC0415 - likewise

        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self._ids = [one.ids for one in tokenizer.encode_batch(_texts())]
        self._predictor = predictor(folder, onednn)

    def run(self, number: int) -> list[float]:
        """The vector of a text."""
        ids = np.array([self._ids[number]])
        types, mask = np.zeros_like(ids), np.ones_like(ids)
        for name, value in (("input_ids", ids), ("token_type_ids", types), ("attention_mask", mask)):
            self._predictor.get_input_handle(name).copy_from_cpu(value)
        self._predictor.run()
        states = self._predictor.get_output_handle(self._predictor.get_output_names()[0]).copy_to_cpu()
        vector = states[0].mean(axis=0)
        found: list[float] = (vector / np.linalg.norm(vector)).tolist()
        return found


def _numbers(answer: dict[str, Any]) -> list[float]:
    found: list[float] = answer["embedding"]
    return found


TEXTS_TO_VECTORS = Workload(
    name="texts",
    title="MiniLM-L6, texts of 4 to 180 words, half of them below 16",
    unit="texts/s",
    aim=0.95,
    against=2,
    task='{"textEmbedding":{}}',
    model=_model,
    bodies=_bodies,
    loop=Loop,
    numbers=_numbers,
    close=1e-5,
)
