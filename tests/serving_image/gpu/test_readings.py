"""What readings of GPUs come to, and the shared memory that carries them; no device is asked."""

import os
import time
from collections.abc import Sequence

import pytest
from paddlemodel_server.gpu.devices import AGREEING, Device, Reading
from paddlemodel_server.gpu.readings import Gpus, Workers
from paddlemodel_server.ipc.gpu_page import STALE_SECONDS, DeviceReading, GpuPage, GpuSample, State, create

READY = Workers(alive=(0, 1), ready=(0, 1))
LOADING = Workers(alive=(0,))


def two(*, mig: bool = False) -> Gpus:
    """Two devices with a worker each, of three that the pod holds."""
    gpus = Gpus(time_sliced=False)
    used = [(Device(index=n, uuid=f"GPU-{n}", mig=mig), [n]) for n in range(2)]
    gpus.found(used, held=3)
    return gpus


def reading(utilization: float | None, used: int | None = 1, total: int | None = 4) -> Reading:
    return Reading(utilization=utilization, memory_used=used, memory_total=total)


def taken(
    gpus: Gpus, loads: Sequence[tuple[float, float]], workers: Workers = READY, at: float = 0
) -> GpuSample:
    """A sample a second; returns the last sample."""
    samples = [gpus.take(at + n, [reading(a), reading(b)], workers) for n, (a, b) in enumerate(loads)]
    return samples[-1]


def test_the_mean_of_the_devices_and_of_half_a_minute() -> None:
    sample = taken(two(), [(100, 0)] * 40)
    assert (sample.state, sample.utilization, sample.memory) == (State.OK, 50, 25)
    assert [device.utilization for device in sample.devices] == [100, 0]
    assert taken(two(), [(100, 0)] * 40 + [(0, 0)] * 15).utilization == 25


def test_loading_and_warming_up_are_no_load_but_are_held() -> None:
    gpus = two()
    loading = taken(gpus, [(100, 100)] * 10, LOADING)
    assert loading.utilization is None
    assert [device.utilization for device in loading.devices] == [100, 100]
    assert (loading.gpu_seconds, loading.busy_seconds) == (27, 18)
    first = taken(gpus, [(100, 100)], at=10)
    assert first.utilization is None  # this second was not all the model's
    assert taken(gpus, [(0, 0)], at=11).utilization == 0


def test_a_device_whose_worker_loads_again_is_no_idle_one() -> None:
    gpus = two()
    taken(gpus, [(80, 80)] * 2)
    assert taken(gpus, [(80, 0)] * 40, Workers(alive=(0, 1), ready=(0,)), at=2).utilization == 80
    assert taken(gpus, [(80, 0)] * 40, Workers(alive=(0,), ready=()), at=42).utilization is None


def test_what_was_before_an_outage_says_nothing_of_later() -> None:
    gpus = two()
    before = taken(gpus, [(100, 100)] * 20)
    lost = gpus.lost(State.FAILED)
    assert (lost.utilization, lost.memory, lost.devices) == (None, None, ())
    assert lost.busy_seconds == before.busy_seconds == 38
    gpus.found([(Device(index=n, uuid=f"GPU-{n}"), [n]) for n in range(2)], held=2)
    after = taken(gpus, [(0, 0)] * 2, at=100)
    assert after.utilization == 0
    assert after.gpu_seconds == before.gpu_seconds + 2  # nobody measured in between


def test_seconds_without_a_sample_are_not_counted() -> None:
    gpus = two()
    taken(gpus, [(100, 100)] * 2)
    assert taken(gpus, [(100, 100)], at=60).gpu_seconds == 3


def test_a_part_of_a_gpu_has_memory_only() -> None:
    gpus = two(mig=True)
    sample = gpus.take(0, [reading(None, 1, 2), reading(None, 2, 4)], READY)
    assert (sample.state, sample.utilization, sample.memory) == (State.MIG, None, 50)
    hidden = gpus.take(1, [reading(None, 1, 2), reading(None, None, None)], READY)
    assert (hidden.state, hidden.memory) == (State.MIG, None)


def test_one_device_without_utilisation_leaves_the_pod_without() -> None:
    gpus = two()
    taken(gpus, [(50, 50)] * 5)
    sample = gpus.take(5, [reading(50), reading(None)], READY)
    assert (sample.state, sample.utilization, sample.memory) == (State.FAILED, None, None)
    assert [device.utilization for device in sample.devices] == [50, None]


def test_sharing_is_judged_by_each_devices_own_workers() -> None:
    gpus = two()
    one = Reading(utilization=0.0, processes=1)
    for now in range(AGREEING):
        sample = gpus.take(now, [one, Reading(utilization=0.0, processes=2)], READY)
    assert [device.shared for device in sample.devices] == [False, True]


@pytest.fixture
def page() -> Sequence[GpuPage]:
    """The writer's and a reader's view of a page."""
    fd = create()
    views = GpuPage(fd), GpuPage(fd)
    os.close(fd)
    return views


FULL = GpuSample(
    state=State.OK,
    utilization=50.0,
    memory=25.0,
    gpu_seconds=7.0,
    busy_seconds=3.0,
    devices=[
        DeviceReading(index=0, uuid="GPU-a", utilization=1.0, memory_used=2.0, memory_total=3.0, shared=0.0),
        DeviceReading(index=1, uuid="MIG-" + "x" * 90, temperature=4.0, power=5.0, ecc_errors=6.0),
    ],
)


def test_what_is_written_is_read(page: Sequence[GpuPage]) -> None:
    writer, reader = page
    assert reader.read(time.monotonic()) == GpuSample(devices=[])
    writer.write(FULL)
    assert reader.read(0) == FULL
    writer.write(GpuSample(state=State.FAILED, devices=[]))
    assert reader.read(0) == GpuSample(state=State.FAILED, devices=[])


def test_a_writer_that_does_not_live_any_more_is_not_believed(page: Sequence[GpuPage]) -> None:
    writer, reader = page
    writer.beat(100)
    writer.write(FULL)
    assert reader.read(100 + STALE_SECONDS) == FULL
    late = reader.read(100 + STALE_SECONDS + 0.1)
    assert late == GpuSample(state=State.FAILED, gpu_seconds=7.0, busy_seconds=3.0)
