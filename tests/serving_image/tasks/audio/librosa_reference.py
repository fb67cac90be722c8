"""What librosa computes: `python librosa_reference.py FILE` renews the numbers, where librosa is."""

import sys
from pathlib import Path
from typing import Any

import numpy as np

CASES: tuple[dict[str, Any], ...] = (
    {"nMels": 64},
    {"sampleRate": 16000, "nFft": 512, "hopLength": 160, "winLength": 400, "nMels": 40, "fMax": 7600.0},
    {"sampleRate": 22050, "nFft": 1024, "hopLength": 512, "nMels": 32, "padMode": "Constant", "topDb": 60.0},
)
_DEFAULTS = {"sampleRate": 32000, "nFft": 1024, "hopLength": 320, "fMin": 50.0}


def sound(rate: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Three tones and noise, 0.3 s."""
    time = np.arange(round(0.3 * rate)) / rate
    random = np.random.default_rng(8)
    found = sum(0.2 / n * np.sin(2 * np.pi * 310 * n * time) for n in (1, 3, 7))
    return (found + 0.05 * random.standard_normal(len(time))).astype(np.float32)


def read(path: Path) -> list[np.ndarray[Any, np.dtype[np.float64]]]:
    """The features of each case: [frames, mels]."""
    return [np.loadtxt(block.splitlines(), ndmin=2) for block in path.read_text().split("\n\n")]


def _computed(case: dict[str, Any]) -> Any:
    import librosa  # type: ignore[import-not-found]  # noqa: PLC0415

    given = _DEFAULTS | case
    rate = given["sampleRate"]
    power = librosa.feature.melspectrogram(
        y=sound(rate),
        sr=rate,
        n_fft=given["nFft"],
        hop_length=given["hopLength"],
        win_length=given.get("winLength"),
        fmin=given["fMin"],
        fmax=given.get("fMax", min(14000, rate / 2)),
        n_mels=given["nMels"],
        pad_mode=given.get("padMode", "Reflect").lower(),
    )
    return librosa.power_to_db(power, top_db=given.get("topDb")).T


if __name__ == "__main__":
    blocks = ["\n".join(" ".join(f"{n:.5f}" for n in row) for row in _computed(case)) for case in CASES]
    Path(sys.argv[1]).write_text("\n\n".join(blocks) + "\n")
