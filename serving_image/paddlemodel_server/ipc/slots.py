"""Tensors in shared memory: what a slot holds, written and read by an HTTP worker and a worker in turn.

Each HTTP worker makes one anonymous memory file of equal slots and sends its descriptor to the workers. A
slot belongs to the HTTP worker until its number is announced, then to the worker until it replies: no lock.
Slots are as large as the largest request and answer, but only touched pages cost memory; big ones are freed.
Both sides name layouts by numbers (`layouts.Numbers`, `Known`); a signature is parsed once per connection.

    slot = control (96 bytes) · signature · tensors, each on a 64-byte boundary
    control of a request = deadline · cancelled · length of the signature · when submitted · id, for the log ·
                           how many requests share its run
    control of an answer = when its run began · 0 · length of the signature · times of the run
    deadline and other moments are monotonic ns
    signature = as `layouts` has it
"""

import mmap
import struct
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from paddlemodel_server.ipc import pages
from paddlemodel_server.ipc.layouts import CONTROL, Layout, aligned, layout_of, parse

_TIMES = struct.Struct("<QIIQ")  # its beginning: a worker needs no id for most requests
ID_BYTES: Final = 64
MESSAGE: Final = struct.Struct("<II")  # HTTP worker to worker: a slot and the number of its layout
REPLY: Final = struct.Struct("<III")  # and back: a slot, what became of it, the number of its layout
HELLO: Final = struct.Struct("<IQ")  # HTTP worker to worker, with the descriptor: slots, bytes of a slot
ANSWERED, EXPIRED, FAILED, TOO_LARGE, MEMORY_TAKEN, INPUT_TOO_LARGE, REFUSED = range(7)

MAX_BYTES: Final = 1 << 43  # of address space for all slots of one HTTP worker; only touched pages are memory
_CANCELLED_AT = 8
_COMPANY, _COMPANY_AT = struct.Struct("<H"), 90  # in the padding, which every write makes zero
ALONE: Final = 1 << 31  # of a layout's number in a MESSAGE: this request shares no run
_GIVE_BACK = 1024 * 1024  # a slot keeps this much; more is returned to the kernel after use
_SMALL = 4096  # bytes
Array = np.ndarray[Any, np.dtype[Any]]


def slot_bytes(max_request_bytes: int) -> int:
    """The size of a slot: JSON can grow fourfold as tensors (`0,` is a double), and answers need room too."""
    return aligned(4 * max_request_bytes + 64 * 1024 * 1024, mmap.PAGESIZE)


class Known:
    """The receiver's side of Numbers: a number is learned from the first slot that comes with it."""

    def __init__(self) -> None:
        self._layouts: dict[int, Layout] = {}

    def layout(self, number: int, slots: "Slots", slot: int) -> Layout:
        """The layout of a slot."""
        found = self._layouts.get(number)
        if found is None:
            found = slots.announced(slot).layout
            if number:
                self._layouts[number] = found
        return found


class Announced(NamedTuple):
    """What a slot says of itself."""

    deadline_ns: int  # monotonic
    cancelled: bool  # the HTTP worker gave up
    layout: Layout


class RunTimes(NamedTuple):
    """Of an answer: when its run began, in monotonic seconds, and what it took."""

    began: float
    batch_seconds: float  # joining the requests, parting the answers
    run_seconds: float  # the model


class DoesNotFitError(Exception):
    """The tensors are larger than a slot."""


class Slots:
    """One HTTP worker's slots, seen by the HTTP worker or by a worker."""

    def __init__(self, fd: int, count: int, size: int) -> None:
        self.count = count
        self.size = size
        self._map = mmap.mmap(fd, count * size)
        self._bytes = memoryview(self._map)

    def write(
        self,
        slot: int,
        arrays: Sequence[Array],
        control: tuple[int, int] = (0, 0),
        request_id: str = "",
        *,
        reduced: bool = False,
        model: int = 0,
    ) -> Layout:
        """Put tensors into a slot and return where they lie.

        Args:
            slot: its number.
            arrays: the tensors.
            control: of a request deadline and now, of an answer what `run_times` made.
            request_id: at most ID_BYTES of ASCII.
            reduced: whether a request wants the task's reduction of the outputs.
            model: of a request, the number of the worker's model that it is for.
        """
        tensors = tuple([(array.dtype, array.shape) for array in arrays])
        layout = layout_of(tensors, reduced=reduced, model=model)
        if layout.end > self.size:
            raise DoesNotFitError
        base = slot * self.size
        first, second = control
        head = CONTROL.pack(first, 0, len(layout.signature), second, request_id.encode()) + layout.signature
        self._bytes[base : base + len(head)] = head
        for array, (dtype, _, offset, elements) in zip(arrays, layout.tensors, strict=True):
            start = base + offset
            self._bytes[start : start + elements * dtype.itemsize] = _raw(array)
        return layout

    def announced(self, slot: int) -> Announced:
        """Read a slot's control and signature; the layout is parsed anew."""
        base = slot * self.size
        deadline_ns, cancelled, length, _, _ = CONTROL.unpack_from(self._map, base)
        signature = self._map[base + CONTROL.size : base + CONTROL.size + length]
        return Announced(deadline_ns, bool(cancelled), parse(signature))

    def waited(self, slot: int, now_ns: int) -> float:
        """Seconds since a request was submitted; -1 where nobody waits for its answer any more."""
        deadline_ns, cancelled, _, submitted_ns = _TIMES.unpack_from(self._map, slot * self.size)
        return -1.0 if cancelled or deadline_ns < now_ns else (now_ns - submitted_ns) / 1e9

    def begin(self, slots: Sequence[int], company: int) -> None:
        """Note that requests are in a run of so many; should the worker die in it, this says of what."""
        for slot in slots:
            _COMPANY.pack_into(self._map, slot * self.size + _COMPANY_AT, min(company, 0xFFFF))

    def company(self, slot: int) -> int:
        """How many requests the run has that a request is in; 0 where it is in none."""
        found: int = _COMPANY.unpack_from(self._map, slot * self.size + _COMPANY_AT)[0]
        return found

    def request_id(self, slot: int) -> str:
        """The id of the request in a slot."""
        identity: bytes = CONTROL.unpack_from(self._map, slot * self.size)[4]
        return identity.decode()

    def ran(self, slot: int) -> RunTimes:
        """The times of the run that made a slot's answer."""
        began_ns, _, _, times, _ = CONTROL.unpack_from(self._map, slot * self.size)
        return RunTimes(began_ns / 1e9, (times >> 32) / 1e6, (times & 0xFFFF_FFFF) / 1e6)

    def cancel(self, slot: int, used: int = 0) -> None:
        """Tell the worker that nobody waits for this slot any more, and return the pages of a large one.

        What says where its tensors lie stays; a worker that reads them nevertheless finds zeros.
        """
        base = slot * self.size
        self._map[base + _CANCELLED_AT] = 1
        if used > _GIVE_BACK:
            length = CONTROL.unpack_from(self._map, base)[2]
            kept = aligned(CONTROL.size + length, mmap.PAGESIZE)
            self._map.madvise(mmap.MADV_REMOVE, base + kept, self.size - kept)

    def views(self, slot: int, layout: Layout) -> list[Array]:
        """The tensors of a slot, without a copy."""
        base = slot * self.size
        return [
            np.ndarray(shape, dtype, self._map, base + offset) for dtype, shape, offset, _ in layout.tensors
        ]

    def copies(self, slot: int, layout: Layout) -> list[Array]:
        """The tensors of a slot, on their own; read-only."""
        base = slot * self.size
        return [
            np.ndarray(shape, dtype, self._map[base + offset : base + offset + elements * dtype.itemsize])
            for dtype, shape, offset, elements in layout.tensors
        ]

    def gather(self, slots: Sequence[int], layout: Layout, tensor: int) -> Array:
        """One tensor of several slots of the same layout, joined along the first dimension; read-only."""
        dtype, shape, offset, elements = layout.tensors[tensor]
        size, length, content = self.size, elements * dtype.itemsize, self._bytes
        starts = [slot * size + offset for slot in slots]
        joined = b"".join([content[start : start + length] for start in starts])
        return np.ndarray((len(slots) * shape[0], *shape[1:]), dtype, joined)

    def scatter(
        self, slots: Sequence[int], arrays: Sequence[Array], rows: int, control: tuple[int, int] = (0, 0)
    ) -> Layout:
        """Give each slot its `rows` rows of every array; returns where they lie."""
        layout = layout_of(tuple([(array.dtype, (rows, *array.shape[1:])) for array in arrays]))
        if layout.end > self.size:
            raise DoesNotFitError
        size, content = self.size, self._bytes
        head = CONTROL.pack(control[0], 0, len(layout.signature), control[1], b"") + layout.signature
        for slot in slots:
            content[slot * size : slot * size + len(head)] = head
        for array, (dtype, _, offset, elements) in zip(arrays, layout.tensors, strict=True):
            raw, length, at = _raw(array), elements * dtype.itemsize, 0
            for slot in slots:
                start = slot * size + offset
                content[start : start + length] = raw[at : at + length]
                at += length
        return layout

    def give_back(self, slot: int, used: int) -> None:
        """Return the pages of a slot that has held much."""
        if used > _GIVE_BACK:
            self._map.madvise(mmap.MADV_REMOVE, slot * self.size, self.size)


def run_times(began_ns: int, join_ns: int, model_ns: int) -> tuple[int, int]:
    """A run's times as an answer's control has them: in microseconds, so both fit into one number."""
    most = 0xFFFF_FFFF
    return began_ns, min(join_ns // 1000, most) << 32 | min(model_ns // 1000, most)


def create(count: int, size: int) -> int:
    """Make a memory file for slots; /dev/shm is not involved, so its size does not matter."""
    return pages.create("slots", count * size, inherited=False)


def _raw(array: Array) -> bytes | memoryview:
    if array.nbytes <= _SMALL or not array.flags.c_contiguous:
        return array.tobytes()  # a small copy is quicker than a view
    return array.data.cast("B")
