"""Samples become what a model was trained on: mel filters, as paddle.audio and librosa or as Kaldi; pure.

All is computed in float64, in blocks of frames, and answered as float32; tests compare with
kaldi-native-fbank, librosa and paddle.audio. Kaldi's rules are those of `feature-window.cc` and
`mel-computations.cc`.
"""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np

from paddlemodel_server.protocol import Array

if TYPE_CHECKING:  # what comes in has its fields, but is none: the HTTP workers do without pydantic
    from paddlemodel_api.tasks.sound.sound_input import Fbank as FbankSpec
    from paddlemodel_api.tasks.sound.sound_input import LogMel as LogMelSpec

LOUDEST = 32768  # of samples of 16 bits
PANNS_TOP = 14000.0  # Hz
_FRAMES = 32  # that are computed at once: they stay in the processor's cache; 512 take three times as long
_AMIN = 1e-10  # below this power nothing is told apart


class Features(ABC):
    """Frames of mel filters.

    Attributes:
        rate: of the samples, in Hz.
        mels: numbers of a frame.
        length: samples of a frame.
        shift: samples from one frame to the next.
    """

    rate: int
    mels: int
    length: int
    shift: int

    @abstractmethod
    def frames(self, samples: int) -> int:
        """How many frames so many samples have."""

    @abstractmethod
    def samples(self, frames: int) -> int:
        """The fewest samples that have so many frames."""

    @property
    @abstractmethod
    def fewest(self) -> int:
        """Samples that a sound must have."""

    @abstractmethod
    def compute(self, samples: Array) -> Array:
        """The frames.

        Args:
            samples: float32 [samples], -1 to 1; `fewest` at least.

        Returns:
            float32 [frames, mels].
        """


class LogMel(Features):
    """Decibels of mel filters, as paddle.audio.features.LogMelSpectrogram."""

    def __init__(self, spec: "LogMelSpec", mels: int) -> None:
        self.rate, self.mels = spec.sample_rate, mels
        self.length, self.shift = spec.n_fft, spec.hop_length
        self._mode = "reflect" if spec.pad_mode == "Reflect" else "constant"
        self._top_db = spec.top_db
        width = spec.win_length or spec.n_fft
        before = (spec.n_fft - width) // 2
        self._window = np.zeros(spec.n_fft)
        self._window[before : before + width] = _cosine(spec.window, width, width)
        top = min(spec.sample_rate / 2, PANNS_TOP) if spec.f_max is None else spec.f_max
        self._filters = slaney(spec.sample_rate, spec.n_fft, (spec.f_min, top), mels)

    def frames(self, samples: int) -> int:
        """One in the middle of the first sample, and one for each shift."""
        return 1 + (samples + 2 * (self.length // 2) - self.length) // self.shift

    def samples(self, frames: int) -> int:
        """Those between the middles of the first and the last one."""
        return max(self.fewest, (frames - 1) * self.shift + self.length % 2)

    @property
    def fewest(self) -> int:
        """More than are mirrored at either end."""
        return self.length // 2 + 1 if self._mode == "reflect" else 1

    def compute(self, samples: Array) -> Array:
        """Decibels, relative to a power of one."""
        padded = np.pad(samples, self.length // 2, mode=self._mode)  # type: ignore[call-overload]
        found = _filtered(padded, self, lambda frames: frames * self._window, self._filters)
        decibels = 10 * np.log10(np.maximum(found, _AMIN))
        if self._top_db is not None:
            decibels = np.maximum(decibels, decibels.max() - self._top_db)
        return decibels.astype(np.float32)


class Fbank(Features):
    """Logarithms of mel filters, as Kaldi's fbank without dither, with `snip_edges`."""

    def __init__(self, spec: "FbankSpec", mels: int, cmvn: tuple[Array, Array] | None = None) -> None:
        """Make it.

        Args:
            spec: the fields.
            mels: how many filters.
            cmvn: what is subtracted from each, and what it is multiplied with, float64 [mels] both.
        """
        self.rate, self.mels = spec.sample_rate, mels
        self.length, self.shift = spec.win_length, spec.n_shift
        self._emphasis, self._cmvn = spec.preemphasis, cmvn
        window = _cosine("Hann" if spec.window == "Povey" else spec.window, self.length, self.length - 1)
        self._window = window**0.85 if spec.window == "Povey" else window
        points = 1 << (self.length - 1).bit_length()
        top = spec.sample_rate / 2 if spec.f_max is None else spec.f_max
        self._filters = kaldi(spec.sample_rate, points, (spec.f_min, top), mels)

    def frames(self, samples: int) -> int:
        """Those that are whole."""
        return 0 if samples < self.length else 1 + (samples - self.length) // self.shift

    def samples(self, frames: int) -> int:
        """From the begin of the first to the end of the last."""
        return self.length + (frames - 1) * self.shift

    @property
    def fewest(self) -> int:
        """One frame."""
        return self.length

    def compute(self, samples: Array) -> Array:
        """Natural logarithms of the filters' energies."""
        found = _filtered(samples * np.float32(LOUDEST), self, self._prepared, self._filters)
        logs = np.log(np.maximum(found, np.finfo(np.float32).eps))
        if self._cmvn is not None:
            logs = (logs - self._cmvn[0]) * self._cmvn[1]
        return logs.astype(np.float32)

    def _prepared(self, frames: Array) -> Array:
        frames = frames - frames.mean(axis=1, keepdims=True)
        before = np.concatenate([frames[:, :1], frames[:, :-1]], axis=1)
        return (frames - self._emphasis * before) * self._window


def _cosine(name: str, length: int, period: int) -> Array:
    """A window: float64 [length]."""
    even = 0.54 if name == "Hamming" else 0.5
    return even - (1 - even) * np.cos(2 * np.pi * np.arange(length) / period)


def _filtered(samples: Array, of: Features, prepared: Any, filters: Array) -> Array:
    """Frames through mel filters: float64 [frames, mels]."""
    points = 2 * (len(filters) - 1)
    frames = np.lib.stride_tricks.sliding_window_view(samples, of.length)[:: of.shift]
    made = np.empty((len(frames), filters.shape[1]))
    for at in range(0, len(frames), _FRAMES):
        spectrum = np.fft.rfft(prepared(frames[at : at + _FRAMES].astype(np.float64)), points)
        made[at : at + _FRAMES] = (spectrum.real**2 + spectrum.imag**2) @ filters
    return made


def slaney(rate: int, points: int, edges: tuple[float, float], mels: int) -> Array:
    """Triangles on Slaney's mel scale, each of the same area: float64 [points / 2 + 1, mels]."""
    low, high = (_slaney_mel(hertz) for hertz in edges)
    marks = np.linspace(low, high, mels + 2)
    step = np.log(6.4) / 27  # the scale is linear up to 1000 Hz, which is 15 mel
    hertz = np.where(marks < 15, marks * 200 / 3, 1000 * np.exp(step * (marks - 15)))
    bins = np.arange(points // 2 + 1) * rate / points
    rising = (bins[:, None] - hertz[:-2]) / (hertz[1:-1] - hertz[:-2])
    falling = (hertz[2:] - bins[:, None]) / (hertz[2:] - hertz[1:-1])
    found: Array = np.maximum(0, np.minimum(rising, falling)) * (2 / (hertz[2:] - hertz[:-2]))
    return found


def _slaney_mel(hertz: float) -> float:
    return hertz * 3 / 200 if hertz < 1000 else float(15 + np.log(hertz / 1000) * 27 / np.log(6.4))


def kaldi(rate: int, points: int, edges: tuple[float, float], mels: int) -> Array:
    """Triangles, straight on HTK's mel scale, without the highest bin: float64 [points / 2 + 1, mels]."""
    low, high = (1127 * np.log(1 + hertz / 700) for hertz in edges)
    step = (high - low) / (mels + 1)
    middles = low + step * np.arange(1, mels + 1)
    bins = 1127 * np.log(1 + np.arange(points // 2 + 1) * rate / points / 700)[:, None]
    found: Array = np.maximum(0, 1 - np.abs(bins - middles) / step)
    found[-1] = 0
    return found
