"""How much everybody has asked lately, in memory that HTTP workers share: a limit is the pod's, not theirs.

For each limit there is one number for each subject: the time at which all that it has asked for is paid off
(the theoretical arrival time of GCRA, ITU-T I.371). A number in the past says nothing, so the place of the
one that is longest past goes to the next subject. The supervisor makes the table; its mutex survives the
death of its holder.
"""

import ctypes
import mmap
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Final, NamedTuple

from paddlemodel_server.ipc import pages
from paddlemodel_server.ipc.mutex import BYTES as MUTEX_BYTES
from paddlemodel_server.ipc.mutex import Mutex

WAYS: Final = 8  # places that a subject may have
SETS: Final = 8192  # of such places, for each limit; 1 MiB, of which only pages that are touched cost memory
SALT_BYTES: Final = 64
_HEAD: Final = MUTEX_BYTES + SALT_BYTES
_PLACE: Final = 2  # numbers: who, and until when
_LIMIT: Final = SETS * WAYS * _PLACE


class Charge(NamedTuple):
    """What a request costs one subject under one limit."""

    limit: int  # its number
    at: int  # the first of the subject's places
    who: int  # 63 bits; never 0
    cost_ns: int  # for a request
    most_ns: int  # that may be unpaid when one comes
    key: str = ""  # the subject's name where pods count together


class Refusal(NamedTuple):
    """Which of the charges is too much, and for how long."""

    which: int  # its place among the charges
    wait_ns: int


def create(limits: int, salt: bytes) -> int:
    """Make the table; the descriptor is inherited by every child.

    Args:
        limits: how many there are.
        salt: SALT_BYTES of chance, so that nobody can choose addresses that share places.
    """
    fd = pages.create("limits", _size(limits))
    memory = mmap.mmap(fd, _size(limits))
    memory[MUTEX_BYTES:_HEAD] = salt
    _mutex(memory).make()
    return fd


class LimitTable:
    """The whole table; charging is for one thread of a process."""

    def __init__(self, fd: int, limits: int, is_alone: Callable[[], bool] | None = None) -> None:
        """Take over the table.

        Args:
            fd: of `create`.
            limits: how many there are.
            is_alone: whether no other process may have it yet; asked before each request until it says no.
        """
        memory = mmap.mmap(fd, _size(limits))
        self._mutex = _mutex(memory)
        self._acquire, self._release = self._mutex.acquire, self._mutex.release
        self._is_alone = is_alone
        self._salt = memory[MUTEX_BYTES:_HEAD]
        self._cells = memoryview(memory)[_HEAD:].cast("q")

    def charge(self, limit: int, subject: str, cost_ns: int, most_ns: int) -> Charge:
        """What a request of a subject costs; the same in every process.

        Args:
            limit: its number.
            subject: a name, unique under this limit.
            cost_ns: nanoseconds of time that a request uses up.
            most_ns: nanoseconds that may be used up ahead.
        """
        digest = blake2b(subject.encode(), key=self._salt, digest_size=8).digest()
        who = (int.from_bytes(digest) >> 1) or 1
        return Charge(limit, limit * _LIMIT + who % SETS * WAYS * _PLACE, who, cost_ns, most_ns)

    def take(self, charges: Sequence[Charge], now_ns: int) -> Refusal | None:
        """Charge a request to all of its subjects, or to none of them where one has used up its share.

        Args:
            charges: of the request.
            now_ns: monotonic nanoseconds.
        """
        if self._is_alone is not None:
            if self._is_alone():
                return self._taken(charges, now_ns)  # the mutex takes longer than all the rest
            self._is_alone = None
        self._acquire()
        try:
            return self._taken(charges, now_ns)
        finally:
            self._release()

    def _taken(self, charges: Sequence[Charge], now_ns: int) -> Refusal | None:
        cells, dues, refusal = self._cells, [], None
        for charge in charges:
            _, place, who, cost_ns, most_ns, _ = charge
            if cells[place] != who:
                place = self._claimed(place, who)
            due_ns = cells[place + 1]
            due_ns = (due_ns if due_ns > now_ns else now_ns) + cost_ns  # noqa: FURB136 - max takes longer
            if due_ns - now_ns > most_ns:
                wait_ns = due_ns - most_ns - now_ns
                if refusal is None or wait_ns > refusal.wait_ns:
                    refusal = Refusal(charges.index(charge), wait_ns)
            dues.append((place + 1, due_ns))
        if refusal is None:
            for place, due_ns in dues:
                cells[place] = due_ns
        return refusal

    def learn(self, charge: Charge, due_ns: int) -> None:
        """Take over when a subject has paid for what it asked everywhere, if that is later than is known.

        Args:
            charge: of the subject.
            due_ns: monotonic nanoseconds.
        """
        self._acquire()
        try:
            place = self._claimed(charge.at, charge.who)
            self._cells[place + 1] = max(self._cells[place + 1], due_ns)
        finally:
            self._release()

    def left(self, charge: Charge, now_ns: int) -> int:
        """How many requests a subject may make at once now."""
        place = self._place(charge.at, charge.who)
        unpaid_ns = max(0, self._cells[place + 1] - now_ns) if self._cells[place] == charge.who else 0
        return max(0, (charge.most_ns - unpaid_ns) // charge.cost_ns)

    def _claimed(self, at: int, who: int) -> int:
        """The place of a subject that is not at its first one, or that has none yet."""
        cells, place = self._cells, self._place(at, who)
        if cells[place] != who:
            cells[place + 1], cells[place] = 0, who
        return place

    def _place(self, at: int, who: int) -> int:
        """Where a subject's number is, or goes: in place of the one that is longest past."""
        cells, oldest = self._cells, at
        for place in range(at, at + WAYS * _PLACE, _PLACE):
            if cells[place] == who:
                return place
            if cells[place + 1] < cells[oldest + 1]:
                oldest = place
        return oldest


def _size(limits: int) -> int:
    return _HEAD + limits * _LIMIT * 8


def _mutex(memory: mmap.mmap) -> Mutex:
    return Mutex((ctypes.c_char * MUTEX_BYTES).from_buffer(memory))
