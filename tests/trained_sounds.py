"""Models for sounds, trained in seconds on words that espeak-ng speaks (see speech.py); kept in the cache.

`keywords` tells eight words apart: log-mel frames, three convolutions, the mean over time. No person's
voice is in it. `telephone` writes down the keys of a telephone by their tones, trained with CTC.
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
TONES = {"sampleRate": 8000, "winLength": 200, "nShift": 80, "nMels": 40}
WIDE = {"sampleRate": 16000, "nMels": 80}
FEATURES = {"sampleRate": 16000, "nFft": 512, "hopLength": 160, "nMels": 40}


def keywords() -> Path:
    """A classifier with its labels beside it: FP32 [-1, 1, -1, 40] to logits [-1, 8]."""
    from tests import speech  # noqa: PLC0415 - the child process cannot import it
    from tests.models import made_once  # noqa: PLC0415

    made_of = HERE.read_text() + Path(speech.__file__).read_text()
    return made_once("keywords", made_of, partial(_trained, "keywords", _words))


KEYS = "123456789*0#"
LOW, HIGH = (697, 770, 852, 941), (1209, 1336, 1477)  # Hz of the rows and columns of the keys (ITU-T Q.23)


def telephone(kind: str = "probabilities") -> Path:
    """A recogniser with its vocabulary beside it: FP32 [-1, -1, filters], INT64 [-1] to [-1, steps, 13].

    Args:
        kind: what it answers: probabilities, or logits; or `wide`: probabilities, of 80 filters at 16 kHz.
    """
    from tests.models import made_once  # noqa: PLC0415 - the child process cannot import it

    prepare = partial(_calls, wide=kind == "wide")
    return made_once(f"telephone-{kind}", HERE.read_text(), partial(_trained, f"telephone-{kind}", prepare))


def dialled(keys: str, seed: int = 0, *, pause: float | None = None) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The tones of keys, at 8000 Hz: each of 70 to 150 ms, between pauses of 50 to 250 ms, with some noise.

    Args:
        keys: of `KEYS`; a space is a long pause.
        seed: of lengths, loudness and noise.
        pause: how many seconds all pauses have; None: as chance has it.
    """
    random = np.random.default_rng(seed)
    parts = [np.zeros(int(8000 * random.uniform(0.05, 0.2)))]
    for key in keys:
        count = int(8000 * random.uniform(0.07, 0.15))
        if key != " ":
            row, column = divmod(KEYS.index(key), 3)
            phase = 2 * np.pi * np.arange(count) / 8000
            tones = np.sin(LOW[row] * phase) + np.sin(HIGH[column] * phase)
            parts.append(random.uniform(0.1, 0.4) * tones)
        parts.append(np.zeros(int(8000 * (random.uniform(0.05, 0.25) if pause is None else pause))))
    found = np.concatenate(parts)
    return (found + random.uniform(0.001, 0.01) * random.standard_normal(len(found))).astype(np.float32)


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


def _calls(folder: Path, *, wide: bool) -> None:
    """What is heard of two hundred random numbers, and which keys they are."""
    import soxr  # type: ignore[import-untyped]  # noqa: PLC0415 - the child process does without
    from paddlemodel_api.tasks.sound.sound_input import Fbank as Fields  # noqa: PLC0415
    from paddlemodel_server.tasks.audio.features import Fbank  # noqa: PLC0415

    random = np.random.default_rng(9)
    fields = WIDE if wide else TONES
    made = Fbank(Fields.model_validate(fields), fields["nMels"])
    found: dict[str, Any] = {}
    for seed in range(200):
        keys = "".join(random.choice(list(KEYS), 1 + seed % 8))
        samples = soxr.resample(dialled(keys, 1000 + seed), 8000, fields["sampleRate"])
        found[f"{seed} {' '.join(str(KEYS.index(key) + 1) for key in keys)}"] = made.compute(samples)
    np.savez(folder / "training.npz", **found)
    (folder / "vocab.txt").write_text("\n".join(("<blank>", *KEYS)) + "\n")


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


def _recogniser(filters: int) -> Any:
    """Three convolutions over time, the first of which halves it."""
    import paddle  # noqa: PLC0415
    from paddle import nn  # noqa: PLC0415

    whole: Any = paddle  # typed in parts only

    class Network(nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Conv1D(filters, 48, 5, stride=2, padding=2)
            self.second = nn.Conv1D(48, 48, 5, padding=2)
            self.last = nn.Conv1D(48, 1 + len(KEYS), 1)
            self.logits = True

        def forward(self, audio: Any, audio_len: Any) -> Any:
            """Behind the end of a sound nothing is heard, whatever the convolutions carry there."""
            there = whole.arange(audio.shape[1]).unsqueeze(0) < audio_len.unsqueeze(1)
            there = there.astype("float32").unsqueeze(1)
            x = (audio.transpose([0, 2, 1]) - 12) / 3 * there
            x = nn.functional.relu(self.first(x)) * there[:, :, ::2]
            x = nn.functional.relu(self.second(x)) * there[:, :, ::2]
            logits = self.last(x).transpose([0, 2, 1])
            return logits if self.logits else nn.functional.softmax(logits)

    return Network()


def _telephone(found: dict[str, Any], kind: str) -> tuple[Any, list[Any]]:
    """Train it with CTC."""
    import paddle  # noqa: PLC0415
    from paddle import nn  # noqa: PLC0415
    from paddle.static import InputSpec  # noqa: PLC0415

    whole: Any = paddle
    random = np.random.default_rng(5)
    frames = list(found.values())
    keys = [np.array([int(n) for n in name.split()[1:]], np.int32) for name in found]
    filters = frames[0].shape[1]
    network = _recogniser(filters)
    optimizer = paddle.optimizer.Adam(8e-3, parameters=network.parameters())
    for _ in range(50 if filters == 40 else 150):  # more filters hear less each
        order = random.permutation(len(frames))
        for at in range(0, len(order), 20):
            batch = order[at : at + 20]
            lengths = np.array([len(frames[n]) for n in batch])
            rows = np.zeros((len(batch), lengths.max(), filters), np.float32)
            labels = np.zeros((len(batch), max(len(keys[n]) for n in batch)), np.int32)
            for row, n in enumerate(batch):
                rows[row, : len(frames[n])] = frames[n]
                labels[row, : len(keys[n])] = keys[n]
            logits = network(whole.to_tensor(rows), whole.to_tensor(lengths))
            loss = nn.functional.ctc_loss(
                logits.transpose([1, 0, 2]),
                whole.to_tensor(labels),
                whole.to_tensor((lengths + 1) // 2),
                whole.to_tensor(np.array([len(keys[n]) for n in batch])),
            )
            loss.backward()
            optimizer.step()
            optimizer.clear_grad()
    network.logits = kind == "logits"
    sound = InputSpec([None, None, filters], "float32", "audio")
    return network, [sound, InputSpec([None], "int64", "audio_len")]


def _main(goal: str, kind: str) -> None:
    import paddle  # noqa: PLC0415

    paddle.seed(11)
    folder = Path(goal)
    with np.load(folder / "training.npz") as found:
        if kind == "keywords":
            layer, inputs = _keywords(dict(found))
        else:
            layer, inputs = _telephone(dict(found), kind.removeprefix("telephone-"))
    layer.eval()
    paddle.jit.save(layer, str(folder / "inference"), input_spec=inputs)


if __name__ == "__main__":
    _main(*sys.argv[1:])
