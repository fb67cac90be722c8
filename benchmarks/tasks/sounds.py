"""The workloads of sounds: sentences of synthetic voices, and librosa with a predictor behind it."""

import io
import json
import sys
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.tasks.workload import Body, Workload

_SENTENCES = (
    "Please turn the lights off when you leave the house this evening.",
    "The next train to the city stops at every station, and takes forty minutes.",
    "Stop. Go left, then right, and up the stairs; do not go down.",
    "Somebody rang the bell twice, waited for a while, and went away again without a word.",
)
_VOICES = ("m1", "m3", "f2", "f4")


@cache
def _sounds(kind: str) -> tuple[tuple[bytes, float], ...]:
    """Files, and how long they are: each sentence in each voice.

    Args:
        kind: WAV, as the voice speaks: 22,050 Hz; or FLAC of 44,100 Hz in stereo.
    """
    import soundfile  # type: ignore[import-untyped]  # noqa: PLC0415 - only where it is needed

    from tests.speech import spoken  # noqa: PLC0415 - likewise

    found = []
    for sentence in _SENTENCES:
        for voice in _VOICES:
            body = spoken(sentence, f"en-us+{voice}")
            samples, rate = soundfile.read(io.BytesIO(body), dtype="int16")
            if kind == "FLAC":
                content = io.BytesIO()
                both = samples.repeat(4).reshape(-1, 2)
                soundfile.write(content, both, 2 * rate, format=kind)
                body = content.getvalue()
            found.append((body, len(samples) / rate))
    return tuple(found)


def _model() -> Path:
    from tests.trained_sounds import keywords  # noqa: PLC0415 - only where it is needed

    return keywords()


def _bodies(kind: str) -> Sequence[Body]:
    return [Body(body, "application/octet-stream", seconds) for body, seconds in _sounds(kind)]


def _features() -> dict[str, Any]:
    from tests.trained_sounds import FEATURES  # noqa: PLC0415 - only where it is needed

    return FEATURES


class Loop:
    """One sound after the other: librosa loads it and computes the features, a predictor runs them."""

    def __init__(self, kind: str, folder: Path, *, onednn: bool) -> None:
        from benchmarks.serving.bare import Model  # noqa: PLC0415 - only where it is needed
        from tests.environment import Environment  # noqa: PLC0415 - likewise

        # Behind our own packages: it has an environment of its own, and Paddle is not in it.
        (packages,) = Environment("oracles", 90).python().parents[1].glob("lib/python*/site-packages")
        sys.path.append(str(packages))
        import librosa  # type: ignore[import-not-found]  # noqa: PLC0415

        self._librosa, self._bodies = librosa, _bodies(kind)
        self._model = Model(folder, onednn)

    def run(self, number: int) -> list[float]:
        """The probability of each word."""
        given, librosa = _features(), self._librosa
        rate = given["sampleRate"]
        samples, _ = librosa.load(io.BytesIO(self._bodies[number].content), sr=rate, mono=True)
        power = librosa.feature.melspectrogram(
            y=samples,
            sr=rate,
            n_fft=given["nFft"],
            hop_length=given["hopLength"],
            fmin=50,
            fmax=rate / 2,
            n_mels=given["nMels"],
            pad_mode="reflect",
        )
        frames = librosa.power_to_db(power, top_db=None).T
        logits = self._model.run(np.ascontiguousarray(frames, np.float32)[None, None])[0].astype(np.float64)
        scores = np.exp(logits - logits.max())
        found: list[float] = (scores / scores.sum()).tolist()
        return found


def _numbers(answer: dict[str, Any]) -> list[float]:
    return [entry["score"] for entry in sorted(answer["top_k"], key=lambda entry: entry["class_id"])]


def _workload(kind: str, title: str) -> Workload:
    return Workload(
        name=kind.lower(),
        title=f"a small keyword model, sentences of 3 to 6 seconds, {title}",
        unit="audio s/s",
        aim=1.3,
        against=1,
        task=json.dumps({"audioClassification": {"features": {"logMel": _features()}, "topK": 8}}),
        model=_model,
        bodies=partial(_bodies, kind),
        loop=partial(Loop, kind),
        numbers=_numbers,
        close=2e-3,
    )


WAV = _workload("WAV", "WAV of 22,050 Hz")
FLAC = _workload("FLAC", "FLAC of 44,100 Hz in stereo")
