"""What the tasks for sounds have in common: how a sound becomes the numbers that the model was trained on.

The names and defaults are PaddleSpeech's (`feature:` of its conf.yaml, `preprocess:` of its recognisers) and
paddle.audio's; kHz, milliseconds and samples are not mixed: rates are in Hz, lengths in samples.
"""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from paddlemodel_api.base import Block, OneOf, Rule, matches

Rate = Annotated[int, Field(strict=True, ge=1000, le=192000)]
Samples = Annotated[int, Field(strict=True, ge=1, le=65536)]
Points = Annotated[int, Field(strict=True, ge=16, le=65536)]
Mels = Annotated[int, Field(strict=True, ge=1, le=1024)]
Hertz = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0, le=96000)]
Pitch = Annotated[float, Field(strict=True, allow_inf_nan=False, gt=0, le=96000)]
Decibels = Annotated[float, Field(strict=True, allow_inf_nan=False, gt=0, le=1000)]
Seconds = Annotated[int, Field(strict=True, ge=1, le=1800)]
HIGHEST = 14000.0  # Hz: PANNs look no higher


def top_frequency(block: Any) -> float:
    """Hz where the last mel filter ends, of features with the fields below."""
    half: float = block.sample_rate / 2
    if block.f_max is not None:
        return float(block.f_max)
    return min(half, HIGHEST) if isinstance(block, LogMel) else half


def _edges(place: str, *, f_min: int, sample_rate: int, highest: float) -> tuple[Rule, ...]:
    """Mel filters lie between fMin and fMax, and below half the sample rate; the numbers are the defaults."""
    low = f"(has(self.fMin) ? self.fMin : {f_min}.0)"
    half = f"double(has(self.sampleRate) ? self.sampleRate : {sample_rate}) / 2.0"
    top = f"(has(self.fMax) ? self.fMax : ({half} < {highest} ? {half} : {highest}))"
    return (
        Rule(
            cel=f"{low} < {top}",
            holds=lambda block: block.f_min < top_frequency(block),
            message=f"{place}.fMin must be less than fMax",
        ),
        Rule(
            cel=f"!has(self.fMax) || self.fMax <= {half}",
            holds=lambda block: block.f_max is None or block.f_max <= block.sample_rate / 2,
            message=f"{place}.fMax must be half of sampleRate at most: a sound has no higher frequencies",
        ),
    )


class LogMel(Block):
    """As paddle.audio.features.LogMelSpectrogram and librosa make it."""

    sample_rate: Rate = Field(default=32000, description="Hz that a sound is resampled to.")
    n_fft: Points = Field(default=1024, description="Samples of a Fourier transform.")
    hop_length: Samples = Field(default=320, description="Samples from one frame to the next.")
    win_length: Points | None = Field(
        default=None, description="Samples of the window, nFft at most. Default: nFft."
    )
    window: Literal["Hann", "Hamming"] = Field(default="Hann", description="Shape of the window.")
    f_min: Hertz = Field(default=50.0, description="Hz where the first mel filter begins.")
    f_max: Pitch | None = Field(
        default=None,
        description="Hz where the last mel filter ends, half of sampleRate at most. Default: 14000, or half "
        "of sampleRate where that is less.",
    )
    n_mels: Mels | None = Field(
        default=None, description="How many mel filters. Default: as many as the model's input has, else 64."
    )
    pad_mode: Literal["Reflect", "Constant"] = Field(
        default="Reflect",
        description="What stands before the first and behind the last sample. Reflect: the sound mirrored, "
        "as paddle.audio does. Constant: zeros, as librosa does since 0.10.",
    )
    top_db: Decibels | None = Field(
        default=None,
        description="Decibels below the loudest value under which nothing lies. Default: no limit.",
    )
    rules: ClassVar = (
        Rule(
            cel="!has(self.winLength) || self.winLength <= (has(self.nFft) ? self.nFft : 1024)",
            holds=lambda block: block.win_length is None or block.win_length <= block.n_fft,
            message="features.logMel.winLength is more than nFft: make it less, or nFft more",
        ),
        *_edges("features.logMel", f_min=50, sample_rate=32000, highest=HIGHEST),
    )


class Fbank(Block):
    """As Kaldi's fbank makes it, of samples in the range of 16 bits."""

    sample_rate: Rate = Field(default=16000, description="Hz that a sound is resampled to.")
    win_length: Points = Field(default=400, description="Samples of a frame.")
    n_shift: Samples = Field(default=160, description="Samples from one frame to the next.")
    window: Literal["Povey", "Hann", "Hamming"] = Field(default="Povey", description="Shape of the window.")
    preemphasis: Annotated[float, Field(strict=True, ge=0, le=1)] = Field(
        default=0.97, description="How much of each sample is taken from the next one."
    )
    f_min: Hertz = Field(default=20.0, description="Hz where the first mel filter begins.")
    f_max: Pitch | None = Field(
        default=None, description="Hz where the last mel filter ends. Default: half of sampleRate."
    )
    n_mels: Mels | None = Field(
        default=None, description="How many mel filters. Default: as many as the model's input has, else 80."
    )
    cmvn_file: Annotated[str, Field(max_length=255)] | None = Field(
        default=None,
        description="File inside the model folder with mean and variance of each filter, such as "
        "mean_std.json of PaddleSpeech: an object with mean_stat, var_stat and frame_num. Default: none.",
    )
    rules: ClassVar = (
        matches(
            "cmvn_file",
            r"[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*",
            "features.fbank.cmvnFile must be a plain relative path inside the model folder, such as "
            "mean_std.json",
        ),
        *_edges("features.fbank", f_min=20, sample_rate=16000, highest=96000.0),
    )


class Waveform(Block):
    """The samples themselves, from -1 to 1."""

    sample_rate: Rate = Field(default=16000, description="Hz that a sound is resampled to.")


class Features(OneOf):
    """What the model takes of a sound: one of the members."""

    place: ClassVar[str] = "features"
    log_mel: LogMel | None = Field(
        default=None,
        description="Decibels of mel filters, as paddle.audio and librosa compute them, of samples "
        "from -1 to 1.",
    )
    fbank: Fbank | None = Field(
        default=None,
        description="Logarithms of mel filters, as Kaldi computes them, of samples from -32768 to 32767; "
        "without dither.",
    )
    waveform: Waveform | None = Field(default=None, description="The samples, from -1 to 1.")


class SoundInput(Block):
    """How a sound becomes the model's input."""

    features: Features = Field(
        default=Features(log_mel=LogMel()),
        description="What the model takes of a sound. Default: logMel with its defaults, which are those of "
        "PaddleSpeech's PANNs.",
    )
    max_seconds: Seconds = Field(
        default=60, description="The longest sound, in seconds; nothing beyond it is decoded."
    )
    long_sounds: Literal["Refuse", "Truncate"] = Field(
        default="Refuse",
        description="What becomes of a sound that is longer than maxSeconds or the model's input. Refuse: an "
        "error that says how long it is. Truncate: its end is left out, and the answer says `truncated`.",
    )
    padding: Literal["Auto", "Buckets", "None"] = Field(
        default="Auto",
        description="Buckets: a sound is filled up with silence to the next of a few lengths, chosen by its "
        "own length alone, so that sounds share runs. None: it is not, so that only equally long sounds do. "
        "Auto: Buckets where the model has an input for the length, else None. A model whose input has a "
        "fixed length gets it in any case.",
    )
