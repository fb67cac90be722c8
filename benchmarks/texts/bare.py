"""The ceiling: a predictor in a process of its own that runs one text after the other, without any HTTP.

Started as `python -m benchmarks.texts.bare MODEL_DIR`; each line "SECONDS" on standard input is answered with
texts a second.
"""

import random
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from benchmarks.serving.bare import predictor
from benchmarks.texts.words import TEXTS, made


def main(folder: str) -> None:
    tokenizer = Tokenizer.from_file(str(Path(folder, "tokenizer.json")))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    ids = sorted((one.ids for one in tokenizer.encode_batch(made(random.Random(3), TEXTS))), key=len)
    loaded = predictor(Path(folder), onednn=True)
    for row in ids[:: TEXTS // 20]:
        _run(loaded, row)
    print("ready", flush=True)
    at = 0
    for line in sys.stdin:
        began, runs = time.perf_counter(), 0
        while time.perf_counter() < began + float(line):
            _run(loaded, ids[at % len(ids)])
            # Far apart, so that a short measurement sees every length.
            at, runs = at + 37, runs + 1
        print(runs / (time.perf_counter() - began), flush=True)


def _run(loaded: Any, row: list[int]) -> None:
    array = np.array([row])
    for name, value in (
        ("input_ids", array),
        ("token_type_ids", np.zeros_like(array)),
        ("attention_mask", np.ones_like(array)),
    ):
        loaded.get_input_handle(name).copy_from_cpu(value)
    loaded.run()
    vector = loaded.get_output_handle(loaded.get_output_names()[0]).copy_to_cpu()[0].mean(axis=0)
    vector /= np.linalg.norm(vector)


if __name__ == "__main__":
    main(*sys.argv[1:])
