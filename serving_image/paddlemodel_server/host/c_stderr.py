"""What decoders in C write to stderr about a client's file is kept out of the log; what others write stays.

libmpg123 and libpng tell of odd files in lines of their own, amid those of the log, and nothing stops them.
They write through C's `stderr`, which is a variable of glibc: meanwhile it is another file. Python, the log
and a crash write to the descriptor itself and are not touched.
"""

import ctypes
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_TALK: Final = re.compile(
    rb"^(?:libpng (?:warning|error): |Warning: |Note: |\[src/libmpg123/)[^\n]*\n?", re.MULTILINE
)
_MOST_BYTES: Final = 64 * 1024  # that are handed on at a time
_FREE: Final = 1 | 2  # FALLOC_FL_KEEP_SIZE and FALLOC_FL_PUNCH_HOLE: of <linux/falloc.h>
_UNBUFFERED: Final = 2  # glibc's _IONBF: each line is there when its writer has done


class _Aside:
    """A file that C's `stderr` can be for a while."""

    def __init__(self) -> None:
        """Raises ValueError or AttributeError where the C library is not glibc."""
        libc = self._libc = ctypes.CDLL(None)
        libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_long, ctypes.c_long]
        self._stderr = ctypes.c_void_p.in_dll(libc, "stderr")
        self._usual = self._stderr.value
        self._file = os.memfd_create("c-stderr")
        libc.fdopen.restype = ctypes.c_void_p
        self._stream = libc.fdopen(self._file, b"a")
        libc.setvbuf(ctypes.c_void_p(self._stream), None, _UNBUFFERED, 0)
        self._lock, self._inside, self._read = threading.Lock(), 0, 0

    def enter(self) -> None:
        with self._lock:
            self._inside += 1
            self._stderr.value = self._stream

    def leave(self) -> None:
        """Hand on what is not the decoders'."""
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._stderr.value = self._usual
            said = os.pread(self._file, _MOST_BYTES, self._read)
            if self._inside and len(said) < _MOST_BYTES:
                said = said[: said.rfind(b"\n") + 1]  # half a line is being written
            if said:
                self._forget(len(said))
                if rest := _TALK.sub(b"", said):
                    os.write(2, rest)

    def _forget(self, size: int) -> None:
        """Give back the memory of what was read; to shorten the file would lose what others are writing."""
        self._read += size
        self._libc.fallocate(self._file, _FREE, 0, self._read)


_made: dict[int, _Aside | None] = {}  # by process: a file that was made before a fork is everybody's
_making: Final = threading.Lock()


def _aside() -> _Aside | None:
    process = os.getpid()
    with _making:
        if process not in _made:
            try:
                _made[process] = _Aside()
            except (AttributeError, ValueError):
                _made[process] = None
        return _made[process]


@contextmanager
def without_decoders() -> Iterator[None]:
    """While it lasts, decoders write nothing to standard error; threads may be inside together."""
    aside = _aside()
    if aside is None:
        yield
        return
    aside.enter()
    try:
        yield
    finally:
        aside.leave()
