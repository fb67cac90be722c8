"""Out of memory: what is tried, learned and told to the client; the predictor fails as Paddle fails."""

from collections.abc import Sequence
from typing import NoReturn

import numpy as np
import pytest
from paddlemodel_server.engine import paddle_errors
from paddlemodel_server.engine.interface import Array
from paddlemodel_server.engine.oom_guard import EXHAUSTED, GROW_SECONDS, Guarded, Hooks
from paddlemodel_server.errors import InputTooLargeError, MemoryTakenError

# As Paddle words it: paddle/fluid/memory/allocation/cuda_allocator.cc.
GPU_FULL = (
    "\n\n--------------------------------------\nC++ Traceback (most recent call last):\n"
    "--------------------------------------\n0   paddle_infer::Predictor::Run()\n\n"
    "----------------------\nError Message Summary:\n----------------------\n"
    "ResourceExhaustedError: \n\nOut of memory error on GPU 0. Cannot allocate 15.503906GB memory on GPU 0, "
    "28.770508GB memory has been allocated and available memory is only 10.815613GB.\n\n"
    "Please check whether there is any other process using GPU 0.\n"
)


class WorkerEndsError(Exception):
    """Stands for the end of the process."""


class Device:
    """A device with room for so many floats of input."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.now = 0.0
        self.rows: list[int] = []
        self.ran_out: list[int] = []
        self.shrunk = 0
        self.caps: list[int] = []
        self.error: Exception = MemoryError(GPU_FULL)

    def run(self, arrays: Sequence[Array]) -> list[Array]:
        self.rows.append(len(arrays[0]))
        if sum(a.size for a in arrays) > self.room:
            raise self.error
        return [arrays[0] * 2, arrays[0].sum(axis=1)]

    def shrink(self) -> None:
        self.shrunk += 1

    def guarded(self, most: int = 16, fitted: int = 16) -> Guarded:
        def lost(reason: str) -> NoReturn:
            raise WorkerEndsError(reason)

        hooks = Hooks(lost=lost, capped=self.caps.append, ran_out=lambda: self.ran_out.append(self.rows[-1]))
        return Guarded(self, most=most, fitted=fitted, clock=lambda: self.now, hooks=hooks)


def rows(count: int, width: int = 4) -> list[Array]:
    return [np.arange(count * width, dtype=np.float32).reshape(count, width)]


def test_what_does_not_fit_runs_in_halves_and_every_row_gets_its_own_answer() -> None:
    device = Device(room=5 * 4)
    doubled, sums = device.guarded().run(rows(16))
    assert np.array_equal(doubled, rows(16)[0] * 2)
    assert np.array_equal(sums, rows(16)[0].sum(axis=1))
    assert device.rows == [16, 8, 4, 4, 8, 4, 4]
    assert device.ran_out == [16, 8, 8]  # for the metrics
    assert device.shrunk == 3  # before each smaller run, memory is given back
    assert device.caps[-1] == 4


def test_the_learned_cap_spares_the_next_runs_the_failure() -> None:
    device = Device(room=5 * 4)
    guarded = device.guarded()
    guarded.run(rows(16))
    device.rows.clear()
    (found, _) = guarded.run(rows(10))
    assert device.rows == [4, 4, 2]
    assert np.array_equal(found, rows(10)[0] * 2)


def test_an_odd_number_of_rows_loses_none() -> None:
    device = Device(room=1 * 4)
    (found, _) = device.guarded().run(rows(7))
    assert np.array_equal(found, rows(7)[0] * 2)


def test_after_a_quiet_time_more_is_dared_and_less_often_after_each_failure() -> None:
    device = Device(room=5 * 4)
    guarded = device.guarded()
    device.now = 1000
    guarded.run(rows(16))
    assert device.caps[-1] == 4
    device.now += GROW_SECONDS - 1
    guarded.run(rows(8))
    assert device.caps[-1] == 4
    device.now += 1
    guarded.run(rows(8))  # eight are dared, and fail again
    assert device.caps[-2:] == [8, 4]
    device.now += GROW_SECONDS
    guarded.run(rows(1))
    assert device.caps[-1] == 4  # twice the quiet time now
    device.now += GROW_SECONDS
    device.room = 1000  # the process that held the memory has gone
    guarded.run(rows(1))
    device.now += 2 * GROW_SECONDS
    guarded.run(rows(1))
    assert device.caps[-2:] == [8, 16]


def test_a_row_that_used_to_fit_is_told_to_come_back() -> None:
    device = Device(room=0)
    with pytest.raises(MemoryTakenError) as refusal:
        device.guarded(fitted=16).run(rows(1))
    assert (refusal.value.status, dict(refusal.value.headers)) == (429, {"Retry-After": "5"})
    assert device.rows == [1, 1]  # once more after memory was given back


def test_a_row_larger_than_any_that_fitted_is_too_large() -> None:
    device = Device(room=4)
    guarded = device.guarded(fitted=16)
    with pytest.raises(InputTooLargeError) as refusal:
        guarded.run(rows(1, width=400))
    assert refusal.value.status == 413
    guarded.run(rows(1))  # the next one is answered


def test_memory_that_shrinking_frees_is_used() -> None:
    device = Device(room=0)

    def shrink() -> None:
        device.room = 100

    device.shrink = shrink  # type: ignore[method-assign]  # memory was only cached
    (found, _) = device.guarded().run(rows(1))
    assert np.array_equal(found, rows(1)[0] * 2)


def test_a_device_that_is_empty_and_full_all_the_same_ends_the_worker() -> None:
    device = Device(room=0)
    guarded = device.guarded(fitted=16)
    for _ in range(EXHAUSTED - 1):
        with pytest.raises(MemoryTakenError):
            guarded.run(rows(1))
    with pytest.raises(WorkerEndsError, match="memory ran out"):
        guarded.run(rows(1))


def test_one_success_in_between_forgives() -> None:
    device = Device(room=0)
    guarded = device.guarded(fitted=16)
    for _ in range(3 * EXHAUSTED):
        device.room = 0
        with pytest.raises(MemoryTakenError):
            guarded.run(rows(1))
        device.room = 4
        guarded.run(rows(1))


def test_rows_that_change_each_other_are_never_parted() -> None:
    device = Device(room=4)
    with pytest.raises(InputTooLargeError):
        device.guarded(most=0, fitted=16).run(rows(4))
    assert device.rows == [4, 4]


def test_inputs_that_disagree_about_their_rows_are_never_parted() -> None:
    """The model may know what they mean; a part of one belongs to no part of the other."""
    device = Device(room=5 * 4)
    guarded = device.guarded(fitted=100)
    guarded.run(rows(16))  # the cap is four now
    device.rows.clear()
    device.room = 100
    guarded.run([rows(6)[0], rows(3)[0]])
    guarded.run([rows(6)[0], np.array(1, np.float32)])
    assert device.rows == [6, 6]
    device.room = 4
    with pytest.raises(InputTooLargeError):
        guarded.run([rows(16)[0], rows(12)[0]])
    assert device.rows == [6, 6, 16, 16]


def test_a_lost_device_ends_the_worker_at_once() -> None:
    device = Device(room=0)
    device.error = OSError("(External) CUDA error(700), an illegal memory access was encountered.")
    with pytest.raises(WorkerEndsError, match="the device is lost"):
        device.guarded().run(rows(8))
    assert device.rows == [8]


def test_the_models_own_failure_is_passed_on() -> None:
    device = Device(room=0)
    device.error = ValueError("(InvalidArgument) The shape of input is wrong")
    with pytest.raises(ValueError, match="InvalidArgument"):
        device.guarded().run(rows(8))
    assert (device.rows, device.caps) == ([8], [])


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (MemoryError(GPU_FULL), "memory"),
        (
            MemoryError("(ResourceExhausted) Fail to alloc memory of 327680000 size, error code is 12."),
            "memory",
        ),
        (MemoryError("std::bad_alloc"), "memory"),
        (MemoryError(), "memory"),  # numpy's, and Python's own
        (RuntimeError("std::bad_alloc"), "memory"),
        (OSError("(External) CUDA error(2), out of memory."), "memory"),
        (
            OSError("(External) CUBLAS error(3), Resource allocation failed inside the cuBLAS library."),
            "memory",
        ),
        (RuntimeError("cudaErrorMemoryAllocation"), "memory"),
        (OSError("(External) CUDA error(719), unspecified launch failure."), "device"),
        (OSError("(External) CUDA error(999), unknown error."), "device"),
        (MemoryError("illegal memory access"), "device"),
        (OSError("(External) CUDA error(209), no kernel image is available"), "model"),
        (ValueError("(InvalidArgument) memory layout"), "input"),
        (IndexError("(OutOfRange) The element of Index must be less than 3"), "input"),
        (RuntimeError("(Unimplemented) ConvertPirAttribute2RuntimeAttribute not support"), "model"),
    ],
)
def test_failures_are_told_apart_by_paddles_words(error: Exception, kind: str) -> None:
    assert paddle_errors.kind(error) == kind
