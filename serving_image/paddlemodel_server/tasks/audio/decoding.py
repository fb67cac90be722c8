"""The door to libsndfile and soxr: the bytes of a sound become samples of one channel at the model's rate.

It takes milliseconds, so the HTTP worker runs it in a thread. What a file promises is compared with what may
be before it is decoded, and it is decoded in blocks: a kilobyte of FLAC can hold a hundred hours of silence.
"""

import io
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import soundfile  # type: ignore[import-untyped]
import soxr  # type: ignore[import-untyped]

from paddlemodel_server.errors import BadRequestError
from paddlemodel_server.host import c_stderr
from paddlemodel_server.protocol import Array
from paddlemodel_server.tasks.audio import formats

LOWEST_RATE, HIGHEST_RATE = 1000, 192_000  # Hz
MOST_CHANNELS = 8
MOST_PER_SECOND = 384_000  # samples of all channels, on average: two channels of 192 kHz, eight of 48 kHz
LARGE_SECONDS = 120
BLOCK = 1 << 15  # frames
MISSING = {"FLAC": 0, "MP3": 2 * 1152}
"""Samples that the end may lack: without a Xing head an MP3's length is guessed, to a frame of 1152."""
_SHORT, _LONG = threading.Lock(), threading.Lock()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a sound should become.

    Attributes:
        rate: in Hz.
        most: samples at this rate.
        truncate: whether the end of a longer sound is left out; else it is refused.
    """

    rate: int
    most: int
    truncate: bool

    @property
    def seconds(self) -> float:
        """The longest sound."""
        return self.most / self.rate


@dataclass(frozen=True, slots=True)
class Sound:
    """A decoded sound.

    Attributes:
        samples: float32 [samples], -1 to 1 (files of floats may go beyond).
        seconds: of the samples.
        truncated: whether its end was left out.
    """

    samples: Array
    seconds: float
    truncated: bool


def turn(seconds: float) -> threading.Lock:
    """What a thread holds while it works on a sound of this length.

    One at a time: Python's lock changes hands so often here that two threads of a process need a quarter more
    of the processor than one, and are no faster. A long sound, which takes seconds, holds no short one up.
    """
    return _LONG if seconds > LARGE_SECONDS else _SHORT


def decode(body: bytes, wanted: Wanted) -> Sound:
    """Decode, mix and resample one sound.

    Args:
        body: a whole file.
        wanted: rate, and limit.

    Raises:
        UnsupportedMediaTypeError: it is no sound of a known format.
        BadRequestError: it is damaged, too long, or of a rate or number of channels that is not taken.
    """
    formats.check(body)
    try:
        with c_stderr.without_decoders(), soundfile.SoundFile(io.BytesIO(body)) as file:
            _check(file, wanted)
            with turn(min(file.frames / file.samplerate, wanted.seconds)):
                return _decoded(file, wanted)
    except soundfile.LibsndfileError as error:
        raise BadRequestError(f"The sound is damaged: {error.error_string.rstrip('.')}.") from None


def _check(file: soundfile.SoundFile, wanted: Wanted) -> None:
    """Compare what the file promises with what may be."""
    if not LOWEST_RATE <= file.samplerate <= HIGHEST_RATE:
        raise BadRequestError(
            f"The sound has a sample rate of {file.samplerate} Hz; {LOWEST_RATE} to {HIGHEST_RATE} are taken."
        )
    if file.channels > MOST_CHANNELS:
        raise BadRequestError(f"The sound has {file.channels} channels; at most {MOST_CHANNELS} are taken.")
    if file.channels * file.samplerate > MOST_PER_SECOND:
        raise BadRequestError(
            f"The sound has {file.channels} channels of {file.samplerate} Hz; at most {MOST_PER_SECOND} "
            "samples a second are taken."
        )
    if not wanted.truncate and 0 < file.frames < 1 << 62:
        _check_seconds(file.frames, file.samplerate, wanted)


def _check_seconds(frames: int, rate: int, wanted: Wanted) -> None:
    seconds = frames / rate
    if seconds > wanted.seconds + 0.5 / wanted.rate:
        raise BadRequestError(
            f"The sound is {seconds:.1f} seconds long; at most {wanted.seconds:g} are taken."
        )


def _decoded(file: soundfile.SoundFile, wanted: Wanted) -> Sound:
    most = -(-wanted.most * file.samplerate // wanted.rate)  # frames of the file, rounded up
    blocks, frames, truncated = [], 0, False
    stream = (
        None
        if file.samplerate == wanted.rate
        else soxr.ResampleStream(file.samplerate, wanted.rate, 1, dtype="float32", quality="HQ")
    )
    for whole in _blocks(file):
        frames, block = frames + len(whole), whole
        if frames > most:
            if not wanted.truncate:
                _check_seconds(frames, file.samplerate, wanted)
            block, truncated = whole[: len(whole) - (frames - most)], True
        blocks.append(block if stream is None else stream.resample_chunk(block))
        if truncated:
            break
    if stream is not None:
        blocks.append(stream.resample_chunk(np.zeros(0, np.float32), last=True))
    samples = np.concatenate(blocks)[: wanted.most] if blocks else np.zeros(0, np.float32)
    return _whole(file, samples, wanted, truncated=truncated, frames=frames)


def _blocks(file: soundfile.SoundFile) -> Iterator[Array]:
    """Blocks of one channel: the mean of all, as a product, since numpy's mean is slower than the decoder.

    Samples of 16 bits are read as such and scaled here: the same numbers as libsndfile's loop gives, sooner.
    """
    dtype, loudest = ("int16", 1 << 15) if file.subtype == "PCM_16" else ("float32", 1)
    share = np.full(file.channels, 1 / file.channels / loudest, np.float32)
    while len(block := file.read(BLOCK, dtype=dtype, always_2d=True)):
        if file.channels > 1:
            yield block.astype(np.float32, copy=False) @ share
        else:
            yield block[:, 0] * share[0] if loudest > 1 else block[:, 0]


def _whole(
    file: soundfile.SoundFile, samples: Array, wanted: Wanted, *, truncated: bool, frames: int
) -> Sound:
    """The sound, if all of it was there."""
    tells = not truncated and file.format in MISSING
    if tells and frames + MISSING[file.format] < file.frames < 1 << 62:
        raise BadRequestError(
            f"The sound ends early: its head promises {file.frames} samples, {frames} are there."
        )
    if not len(samples):
        raise BadRequestError("The sound has no samples.")
    if not np.isfinite(samples).all():
        raise BadRequestError("The sound holds samples that are no finite numbers.")
    return Sound(samples, len(samples) / wanted.rate, truncated)
