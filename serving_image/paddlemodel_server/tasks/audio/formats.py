"""What the head of a WAV, FLAC, Ogg or MP3 file says, read before a decoder sees the file; pure.

libsndfile reads two dozen formats, most of them older than the people who attack servers; four are enough.
It says nothing where the samples of a WAV end early: the chunks are followed here.
"""

import re
from collections.abc import Iterator

from paddlemodel_server.errors import BadRequestError, UnsupportedMediaTypeError

FILES = {".wav": "audio/wav", ".flac": "audio/flac", ".ogg": "audio/ogg", ".mp3": "audio/mpeg"}
_STREAMED = 0x7FFFF000  # programs that write to a pipe do not know the size, and say a huge one
# A frame of MPEG 1, 2 or 2.5, layer I to III, with a rate that is not reserved (ISO 11172-3, 2.4.2.3).
_MPEG = re.compile(rb"\xff[\xe2-\xe7\xf2-\xff][\x00-\xef][\x00-\xff]", re.DOTALL)


def check(body: bytes) -> None:
    """Refuse what is no sound of a known format, and what clearly ends early.

    Raises:
        UnsupportedMediaTypeError: it is no sound.
        BadRequestError: it is empty, or its end is missing.
    """
    if not body:
        raise BadRequestError("The body is empty; send the bytes of a sound.")
    if body[:4] in {b"RIFF", b"RIFX", b"RF64"} and body[8:12] == b"WAVE":
        _check_wav(body)
    elif body[:4] not in {b"fLaC", b"OggS"} and body[:3] != b"ID3" and not _MPEG.match(body):
        raise UnsupportedMediaTypeError("The body is not a WAV, FLAC, Ogg or MP3 sound.")


def _check_wav(body: bytes) -> None:
    for name, begin, size in _chunks(body):
        if name == b"data":
            if begin + size > len(body) and size < _STREAMED:
                there = len(body) - begin
                raise BadRequestError(
                    f"The sound ends early: its head promises {size} bytes of samples, {there} are there."
                )
            return
    raise BadRequestError("The sound is damaged: the WAV file has no samples.")


def _chunks(body: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Name, begin and size of each chunk (RIFF; EBU Tech 3306 for RF64)."""
    big, at = body[:4] == b"RIFX", 12
    while at + 8 <= len(body):
        size = int.from_bytes(body[at + 4 : at + 8], "big" if big else "little")
        yield body[at : at + 4], at + 8, size
        at += 8 + size + size % 2
