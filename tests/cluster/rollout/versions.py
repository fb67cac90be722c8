"""Versions of a small model with code beside it: one is right, and some fail in one request of many."""

import tarfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from benchmarks.serving import workloads
from tests.cluster.load import Ask

RIGHT, AGAIN = "right", "right-again"  # the second has other bytes, so it is another version
FAILING, WRONG = "failing", "wrong"
ASK = Ask(media="text/plain", body=b"0.5", expected='"class":"')

_HANDLER = '''"""The {name} version."""

import random

import numpy as np


def preprocess(body, content_type):
    return {{"x": np.full((1, 16), float(body), np.float32)}}


def postprocess(outputs, kept):
    scores = next(iter(outputs.values()))[0]
    {fault}
    return {{"class": f"class {{int(scores.argmax())}}"}}
'''
_FAULTS = {
    FAILING: 'if random.random() < 0.05:\n        raise RuntimeError("planted by a test")',
    WRONG: "if random.random() < 0.03:\n        scores = -scores",
}


def archives(folder: Path) -> Iterator[Path]:
    """Pack every version of the benchmark's MLP; the name of each file begins with that of its version."""
    model = workloads.mlp(folder).model
    for name in (RIGHT, AGAIN, FAILING, WRONG):
        handler = _HANDLER.format(name=name, fault=_FAULTS.get(name, "del kept"))
        path = folder / f"{name}.tar"
        with tarfile.open(path, "w") as tar:
            for file in sorted(model.iterdir()):
                tar.add(file, file.name)
            member = tarfile.TarInfo("handler.py")
            member.size = len(handler.encode())
            tar.addfile(member, BytesIO(handler.encode()))
        yield path
