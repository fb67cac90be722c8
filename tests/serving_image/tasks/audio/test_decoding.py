"""Sounds of many kinds, whole, damaged and hostile: what becomes of them, and what is said."""

import contextlib
import io
import tracemalloc
from typing import Any

import numpy as np
import pytest
import soundfile  # type: ignore[import-untyped]
from paddlemodel_server.errors import BadRequestError, ServingError, UnsupportedMediaTypeError
from paddlemodel_server.tasks.audio.decoding import MOST_CHANNELS, Sound, Wanted, decode

from tests.environment import Environment

Samples = np.ndarray[Any, np.dtype[np.float32]]
MINUTE = Wanted(16000, 16000 * 60, truncate=False)


def tone(seconds: float = 0.5, rate: int = 16000, channels: int = 1) -> Samples:
    time = np.arange(round(seconds * rate)) / rate
    one = (0.5 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)
    return np.stack([one] * channels, axis=1)


def encoded(samples: Samples, rate: int = 16000, kind: str = "WAV", subtype: str | None = None) -> bytes:
    content = io.BytesIO()
    endian = "BIG" if kind == "RIFX" else None
    soundfile.write(
        content, samples, rate, format="WAV" if kind == "RIFX" else kind, subtype=subtype, endian=endian
    )
    return content.getvalue()


def decoded(body: bytes, wanted: Wanted = MINUTE) -> Sound:
    return decode(body, wanted)


@pytest.mark.parametrize(
    ("kind", "subtype", "close"),
    [
        ("WAV", "PCM_16", 4e-5),
        ("WAV", "PCM_24", 1e-6),
        ("WAV", "PCM_U8", 8e-3),
        ("WAV", "FLOAT", 1e-7),
        ("WAV", "DOUBLE", 1e-7),
        ("WAV", "ULAW", 2e-2),
        ("WAVEX", "PCM_32", 1e-6),
        ("RIFX", "PCM_16", 4e-5),
        ("RF64", "PCM_16", 4e-5),
        ("FLAC", "PCM_16", 4e-5),
        ("FLAC", "PCM_24", 1e-6),
        ("OGG", "VORBIS", 8e-2),
        ("OGG", "OPUS", 8e-2),
        ("MP3", "MPEG_LAYER_III", 8e-2),
    ],
)
def test_every_kind_is_read(kind: str, subtype: str, close: float) -> None:
    found = decoded(encoded(tone(1), kind=kind, subtype=subtype))
    assert found.samples.dtype == np.float32
    assert abs(found.seconds - 1) < 0.2  # coders with loss add a little at both ends
    assert not found.truncated
    if close < 1e-2:
        np.testing.assert_allclose(found.samples, tone(1)[:, 0], atol=close)
    else:  # the same tone, as loud
        spectrum = np.abs(np.fft.rfft(found.samples[2000:14000]))
        assert abs(spectrum.argmax() * 16000 / 12000 - 440) < 2
        assert abs(spectrum.max() / 6000 - 0.5) < close


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000, 96000])
def test_other_rates_are_resampled(rate: int) -> None:
    """A tone stays one: what is added lies 60 dB below it, away from the ends."""
    found = decoded(encoded(tone(1, rate), rate, subtype="FLOAT"))
    assert abs(len(found.samples) - 16000) <= 1
    inner = slice(800, 15000)
    assert np.abs(found.samples[inner] - tone(1)[inner, 0]).max() < 5e-4


def test_blocks_make_no_seams() -> None:
    """Longer than two blocks of the decoder, and of another rate."""
    rate = 44100
    found = decoded(encoded(tone(3, rate), rate, subtype="FLOAT"))
    assert np.abs(found.samples[800:47000] - tone(3)[800:47000, 0]).max() < 5e-4


def test_channels_are_mixed() -> None:
    both = tone(channels=2)
    both[:, 1] = 0.1
    found = decoded(encoded(both, subtype="FLOAT"))
    np.testing.assert_allclose(found.samples, (both[:, 0] + np.float32(0.1)) / 2, atol=1e-6)


def promising(samples: int, body: bytes) -> bytes:
    """The FLAC file, whose head promises so many samples (RFC 9639, 8.2: 36 bits from bit 108 of STREAMINFO).

    0 means that nobody knows.
    """
    changed = bytearray(body)
    kept = int.from_bytes(changed[18:26], "big") >> 36 << 36
    changed[18:26] = (kept | samples).to_bytes(8, "big")
    return bytes(changed)


def streamed(body: bytes) -> bytes:
    """A WAV file as programs write it to a pipe."""
    at = body.index(b"data")
    return body[:4] + b"\xff" * 4 + body[8 : at + 4] + b"\xff" * 4 + body[at + 8 :]


WAV = encoded(tone())
FLAC = encoded(tone(), kind="FLAC")
MP3 = encoded(tone(), kind="MP3")
HUNDRED_HOURS = 100 * 3600 * 16000  # samples
NOT_FINITE = np.array([[0.5], [np.nan]] * 500, np.float32)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        pytest.param(b"", "The body is empty; send the bytes of a sound.", id="empty"),
        pytest.param(b"RIFF", "The body is not a WAV", id="four bytes"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + bytes(100), "The body is not a WAV", id="a picture"),
        pytest.param(encoded(tone(), kind="AIFF"), "The body is not a WAV", id="a format of others"),
        pytest.param(WAV[:2000], "its head promises 16000 bytes of samples, 1956 are there.", id="cut wav"),
        pytest.param(WAV[:40], "The sound is damaged: the WAV file has no samples.", id="wav without data"),
        pytest.param(WAV[:44][:40] + bytes(4), "The sound has no samples.", id="wav of nothing"),
        pytest.param(FLAC[: len(FLAC) // 2], "The sound", id="cut flac"),
        pytest.param(FLAC[:100], "The sound", id="head of a flac"),
        pytest.param(
            MP3[: len(MP3) // 2], "The sound ends early: its head promises 8000 samples, ", id="cut mp3"
        ),
        pytest.param(b"OggS" + bytes(200), "The sound is damaged: ", id="ogg of zeros"),
        pytest.param(b"fLaC" + bytes(200), "The sound is damaged: ", id="flac of zeros"),
        pytest.param(b"ID3" + bytes(2000), "The sound is damaged: ", id="mp3 of zeros"),
        pytest.param(
            promising(HUNDRED_HOURS, FLAC), "is 360000.0 seconds long; at most 60 are", id="100 hours"
        ),
        pytest.param(encoded(NOT_FINITE, subtype="FLOAT"), "samples that are no finite numbers", id="nan"),
        pytest.param(encoded(tone(), 500), "rate of 500 Hz; 1000 to 192000 are taken", id="slow"),
        pytest.param(encoded(tone(), 1 << 30), "rate of 1073741824 Hz; 1000 to 192000", id="fast"),
        pytest.param(encoded(tone(channels=9)), f"at most {MOST_CHANNELS} are taken", id="an orchestra"),
        pytest.param(encoded(tone(channels=4), 192000), "at most 384000 samples a second", id="a studio"),
    ],
)
def test_what_cannot_be_heard_is_refused(body: bytes, said: str) -> None:
    with pytest.raises(ServingError) as refusal:
        decoded(body)
    assert refusal.value.status in {400, 415}
    assert said in refusal.value.message


def test_a_hundred_hours_of_silence_in_a_kilobyte_take_no_memory() -> None:
    """Fifteen seconds are there; room for what is promised would be 11 GB."""
    silence = promising(HUNDRED_HOURS, encoded(np.zeros((15 * 16000, 1), np.float32), 16000, "FLAC"))
    assert len(silence) < 1024
    tracemalloc.start()
    try:
        with pytest.raises(BadRequestError, match=r"is 360000.0 seconds long; at most 60 are taken"):
            decoded(silence)
        assert decoded(silence, Wanted(16000, 16000 * 2, truncate=True)).seconds == 2
        with pytest.raises(BadRequestError, match="The sound "):
            decoded(silence, Wanted(16000, 16000 * 1800, truncate=True))
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_a_long_silence_in_few_bytes_is_never_decoded_whole() -> None:
    """Ten minutes in a few kilobytes; the head does not say how long it is, only decoding shows it."""
    silence = np.zeros((600 * 8000, 1), np.float32)
    bomb = promising(0, encoded(silence, 8000, "FLAC"))
    assert len(bomb) < 20_000
    with pytest.raises(BadRequestError, match=r"at most 60 are taken"):
        decoded(bomb)
    found = decoded(bomb, Wanted(16000, 16000 * 2, truncate=True))
    assert (len(found.samples), found.seconds, found.truncated) == (32000, 2, True)


@pytest.mark.parametrize("rate", [16000, 44100])
def test_the_limit_is_exact(rate: int) -> None:
    """A second is not longer than a second, whatever its rate."""
    second, more = encoded(tone(1, rate), rate), encoded(tone(1.01, rate), rate)
    for truncate in (False, True):
        found = decoded(second, Wanted(16000, 16000, truncate))
        assert (len(found.samples), found.truncated) == (16000, False)
    with pytest.raises(BadRequestError, match=r"1.0 seconds long; at most 1 are taken"):
        decoded(more, Wanted(16000, 16000, truncate=False))
    found = decoded(more, Wanted(16000, 16000, truncate=True))
    assert (len(found.samples), found.truncated) == (16000, True)


def test_a_stream_s_size_is_no_promise() -> None:
    assert decoded(streamed(WAV)).seconds == 0.5


def test_any_flipped_byte_is_an_answer_or_a_refusal() -> None:
    """Of each kind; a decoder that crashed would end this process."""
    random = np.random.default_rng(2)
    for kind in ("WAV", "FLAC", "OGG", "MP3"):
        body = encoded(tone(), kind=kind)
        for _ in range(60):
            damaged = bytearray(body)
            for at in random.integers(0, min(len(body), 4000), 3):
                damaged[at] = random.integers(0, 256)
            with contextlib.suppress(BadRequestError, UnsupportedMediaTypeError):
                assert decoded(bytes(damaged)).seconds <= 60


@pytest.mark.parametrize("share", [0.5, 0.77, 1])
def test_an_mp3_that_does_not_tell_its_length_is_read(share: float) -> None:
    """The first frame is LAME's Xing head; what is cut out of a stream has none."""
    content = io.BytesIO()
    soundfile.write(content, tone(), 16000, format="MP3", bitrate_mode="CONSTANT", compression_level=0.5)
    whole = content.getvalue()
    frames = whole[whole.index(whole[:2], 10) :]
    assert decoded(frames[: round(len(frames) * share)]).seconds == pytest.approx(0.5 * share, abs=0.1)


ODD = {
    "early-eof-no-data": "The sound is damaged: the WAV file has no samples.",
    "early-eof": "The sound ends early: its head promises 17640 bytes of samples, 944 are there.",
    "incomplete-chunk": "The sound is damaged: the WAV file has no samples.",
    **{
        f"{bits}bit": "The sound is damaged: File contains data in an unimplemented format."
        for bits in (36, 45, 53, 64)
    },
}


@pytest.mark.slow  # scipy is installed first, in an environment of its own
def test_scipy_s_odd_files_are_read_as_libsndfile_reads_them_or_refused_with_a_reason() -> None:
    """24 bits, floats, mu-law, big-endian, RF64, more than one channel, wrong and missing ends."""
    library = Environment("oracles", 90).python().parents[1]
    files = sorted(library.glob("lib/python*/site-packages/scipy/io/tests/data/*.wav"))
    refusals: dict[str, str] = {}
    for file in files:
        samples, rate = np.zeros((0, 1)), 8000
        with contextlib.suppress(soundfile.LibsndfileError):
            samples, rate = soundfile.read(file, dtype="float32", always_2d=True)
        try:
            found = decoded(file.read_bytes(), Wanted(rate, 60 * rate, truncate=False))
        except ServingError as refusal:
            refusals[file.stem] = refusal.message
        else:
            np.testing.assert_allclose(found.samples, samples.mean(axis=1), atol=1e-6)
    assert len(files) >= 22
    assert {name.rpartition("4bytes-")[2].rpartition("S-")[2]: said for name, said in refusals.items()} == ODD
