"""Made-up texts of mixed lengths: mostly sentences, some pages, as queries and documents of a search are."""

import random

TEXTS = 400
_SENTENCE = (
    "the server answers a request with a vector for each text and nobody waits longer than needed "
    "while models of many kinds find what people mean in letters reviews questions and long reports"
)
_WORDS = _SENTENCE.split()


def made(chosen: random.Random, count: int) -> list[str]:
    """So many texts of 4 to 180 words, half of them below 16."""
    lengths = [min(180, max(4, round(chosen.lognormvariate(2.8, 0.9)))) for _ in range(count)]
    return [" ".join(chosen.choices(_WORDS, k=length)) for length in lengths]
