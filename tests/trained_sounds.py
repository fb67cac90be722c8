"""Models for sounds, trained in seconds on words that espeak-ng speaks (see speech.py); kept in the cache.

`keywords` tells eight words apart: log-mel frames, three convolutions, the mean over time. No person's
voice is in it.
"""

import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__)
WORDS = ("yes", "no", "stop", "go", "left", "right", "up", "down")
VOICES = ("m1", "m2", "m3", "m5", "m6", "m7", "m8", "f1", "f2", "f3", "f5")
UNHEARD = ("m4", "f4")  # voices that the models were not trained with
FEATURES = {"sampleRate": 16000, "nFft": 512, "hopLength": 160, "nMels": 40}


def keywords() -> Path:
    """A classifier with its labels beside it: FP32 [-1, 1, -1, 40] to logits [-1, 8]."""
    from tests import speech  # noqa: PLC0415 - the child process cannot import it
    from tests.models import made_once  # noqa: PLC0415

    made_of = HERE.read_text() + Path(speech.__file__).read_text()
    return made_once("keywords", made_of, partial(_trained, "keywords", _words))


def heard(body: bytes) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The features of a sound, as the server computes them: [frames, 40]."""
    from paddlemodel_api.tasks.sound.sound_input import LogMel as Fields  # noqa: PLC0415
    from paddlemodel_server.tasks.audio.decoding import Wanted, decode  # noqa: PLC0415
    from paddlemodel_server.tasks.audio.features import LogMel  # noqa: PLC0415

    made = LogMel(Fields.model_validate(FEATURES), 40)
    return made.compute(decode(body, Wanted(16000, 16000 * 60, truncate=False)).samples)


def _words(folder: Path) -> None:
    """What is heard of every word in every voice, and which word it is."""
    from tests import speech  # noqa: PLC0415

    found: dict[str, Any] = {}
    for voice in VOICES:
        for number, word in enumerate(WORDS):
            for speed, pitch in ((130, 40), (160, 50), (200, 60)):
                sound = speech.spoken(word, f"en-us+{voice}", speed, pitch)
                found[f"{len(found)} {number}"] = heard(sound)
    np.savez(folder / "training.npz", **found)
    (folder / "labels.txt").write_text("\n".join(WORDS) + "\n")


def _trained(kind: str, prepare: Any, folder: Path) -> None:
    prepare(folder)
    command = [sys.executable, "-W", "ignore", str(HERE), str(folder), kind]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        raise RuntimeError(f"the training failed: {done.stderr[-2000:]}")
    (folder / "training.npz").unlink()


# --- in the child process


def _keywords(found: dict[str, Any]) -> tuple[Any, list[Any]]:
    """Train a network in some rounds through all words; chance shifts them and decides how loud they are."""
    import paddle  # noqa: PLC0415
    from paddle import nn  # noqa: PLC0415
    from paddle.static import InputSpec  # noqa: PLC0415

    class Network(nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            sizes = ((1, 16), (16, 32), (32, 48))
            self.layers = nn.LayerList([nn.Conv2D(a, b, 3, stride=2, padding=1) for a, b in sizes])
            self.norms = nn.LayerList([nn.BatchNorm2D(b) for _, b in sizes])
            self.last = nn.Linear(48 * 5, len(WORDS))

        def forward(self, sound: Any) -> Any:
            x = (sound + 50) / 25  # decibels
            for layer, norm in zip(self.layers, self.norms):  # noqa: B905 - Paddle converts no strict zip
                x = nn.functional.relu(norm(layer(x)))
            return self.last(x.mean(axis=2).flatten(1))

    random = np.random.default_rng(5)
    frames = list(found.values())
    labels = np.array([int(name.split()[1]) for name in found])
    network = Network()
    optimizer = paddle.optimizer.Adam(2e-3, parameters=network.parameters())
    for _ in range(12):
        order = random.permutation(len(frames))
        for at in range(0, len(order), 24):
            batch = order[at : at + 24]
            longest = max(len(frames[n]) for n in batch) + 12
            rows = np.full((len(batch), 1, longest, 40), -100, np.float32)
            for row, n in enumerate(batch):
                begin = random.integers(0, 12)
                rows[row, 0, begin : begin + len(frames[n])] = frames[n] + random.uniform(-10, 5)
            scores = network(paddle.to_tensor(np.maximum(rows, -100)))
            loss = nn.functional.cross_entropy(scores, paddle.to_tensor(labels[batch]))
            loss.backward()
            optimizer.step()
            optimizer.clear_grad()
    return network, [InputSpec([None, 1, None, 40], "float32", "sound")]


def _main(goal: str, kind: str) -> None:
    import paddle  # noqa: PLC0415

    paddle.seed(11)
    folder = Path(goal)
    with np.load(folder / "training.npz") as found:
        layer, inputs = {"keywords": _keywords}[kind](dict(found))
    layer.eval()
    paddle.jit.save(layer, str(folder / "inference"), input_spec=inputs)


if __name__ == "__main__":
    _main(*sys.argv[1:])
