"""Decoders' own lines are no lines of the log; everything else that goes to stderr still does."""

import contextlib
import ctypes
import io
import mmap
import os
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile  # type: ignore[import-untyped]
from paddlemodel_server.errors import ServingError
from paddlemodel_server.host import c_stderr
from paddlemodel_server.tasks.audio.decoding import Wanted, decode
from paddlemodel_server.tasks.images import decoding
from PIL import Image

LIBC = ctypes.CDLL(None)
WANTED = Wanted(16000, 160_000, truncate=False)


def in_c(text: bytes) -> None:
    """Write as a library in C does."""
    stream = ctypes.c_void_p.in_dll(LIBC, "stderr")
    LIBC.fputs(text, stream)
    LIBC.fflush(stream)


def sound() -> bytes:
    content = io.BytesIO()
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, 48_000).astype(np.float32)
    soundfile.write(content, noise, 16000, format="MP3")
    return content.getvalue()


def picture() -> bytes:
    """With a colour profile that is none, as some programs save it."""
    content = io.BytesIO()
    Image.new("RGB", (8, 8)).save(content, "PNG", icc_profile=b"no profile" * 20)
    return content.getvalue()


def test_the_decoders_still_talk(capfd: pytest.CaptureFixture[str]) -> None:
    """Else the other tests show nothing."""
    whole = sound()
    with soundfile.SoundFile(io.BytesIO(whole[: len(whole) // 2])) as file:
        file.read()
    assert "Xing stream size" in capfd.readouterr().err


@pytest.mark.parametrize("share", [0.3, 0.61, 0.99])
def test_a_cut_mp3_writes_nothing_to_the_log(share: float, capfd: pytest.CaptureFixture[str]) -> None:
    whole = sound()
    with contextlib.suppress(ServingError):  # most of them are refused
        decode(whole[: int(len(whole) * share)], WANTED)
    assert capfd.readouterr().err == ""


def test_damaged_mp3s_write_nothing_to_the_log(capfd: pytest.CaptureFixture[str]) -> None:
    whole, chance = sound(), np.random.default_rng(1)
    for at in range(500, len(whole) - 300, 700):
        damaged = whole[:at] + chance.bytes(100) + whole[at + 100 :]
        try:
            decode(damaged, WANTED)
        except ServingError:
            continue
    assert capfd.readouterr().err == ""


def test_an_odd_png_writes_nothing_to_the_log(capfd: pytest.CaptureFixture[str]) -> None:
    with decoding.decoded(picture(), 64) as pixels:
        assert pixels.shape == (8, 8, 3)
    assert capfd.readouterr().err == ""


def test_what_others_write_meanwhile_is_not_lost(capfd: pytest.CaptureFixture[str]) -> None:
    with c_stderr.without_decoders():
        in_c(b"libpng warning: iCCP: too short\nmalloc(): memory corruption\nNote: x\n")
        os.write(2, b"a crash\n")
        print("the log", file=sys.stderr, flush=True)
    in_c(b"Note: afterwards\n")
    lines = capfd.readouterr().err.splitlines()
    assert sorted(lines) == ["Note: afterwards", "a crash", "malloc(): memory corruption", "the log"]


def test_threads_may_be_inside_together(capfd: pytest.CaptureFixture[str]) -> None:
    together = threading.Barrier(4)

    def talk(number: int) -> None:
        together.wait()
        for _ in range(1000):
            with c_stderr.without_decoders():
                in_c(b"Note: of a decoder\n")
            with c_stderr.without_decoders():
                in_c(b"of %d\n" % number)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(talk, range(4)))
    in_c(b"end\n")
    lines = capfd.readouterr().err.splitlines()
    assert Counter(lines) == {**{f"of {number}": 1000 for number in range(4)}, "end": 1}


def test_what_was_handed_on_takes_no_memory(capfd: pytest.CaptureFixture[str]) -> None:
    for _ in range(100):
        with c_stderr.without_decoders():
            in_c(b"Note: of a decoder\n" + b"x" * 300 + b"\n")
    assert len(capfd.readouterr().err.splitlines()) == 100
    (file,) = [file for file in Path("/proc/self/fd").iterdir() if "memfd:c-stderr" in str(file.resolve())]
    assert file.stat().st_blocks * 512 <= mmap.PAGESIZE
