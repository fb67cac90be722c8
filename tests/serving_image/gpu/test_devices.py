"""Which GPUs are the pod's, in CUDA's terms and in NVML's."""

import pytest
from paddlemodel_server.errors import StartError
from paddlemodel_server.gpu.devices import AGREEING, Device, Sharing, assigned, located, time_sliced
from paddlemodel_server.supervisor import processes


@pytest.mark.parametrize(
    ("cuda", "runtime", "found", "names"),
    [
        pytest.param("", "", 2, "0,1", id="every device file"),
        pytest.param("", "", 0, "0", id="no device file: CUDA may know one all the same"),
        pytest.param("", "all", 4, "0,1,2,3", id="all"),
        pytest.param("", "3,7", 2, "0,1", id="the host's numbers are not the container's"),
        pytest.param("", "void", 1, "0", id="CDI"),
        pytest.param("", "GPU-a,GPU-b", 2, "0,1", id="just what was given"),
        pytest.param("", "GPU-b", 8, "GPU-b", id="a privileged container sees all, and takes its own"),
        pytest.param("", "GPU-a,GPU-b", 0, "GPU-a,GPU-b", id="no device files, but names"),
        pytest.param("", "MIG-1,MIG-2", 1, "MIG-1,MIG-2", id="instances of one device"),
        pytest.param("", "GPU-a::0,GPU-a::3", 1, "0", id="two shares of one device"),
        pytest.param("", "GPU-a::0,GPU-a::3", 4, "GPU-a", id="two shares of one device, privileged"),
        pytest.param("GPU-c, GPU-a", "GPU-a", 1, "GPU-c,GPU-a", id="CUDA's variable wins"),
        pytest.param("1,1", "all", 4, "1", id="no device twice"),
    ],
)
def test_the_devices_to_share_out(cuda: str, runtime: str, found: int, names: str) -> None:
    environ = {"CUDA_VISIBLE_DEVICES": cuda, "NVIDIA_VISIBLE_DEVICES": runtime}
    assert assigned({n: v for n, v in environ.items() if v}, found) == tuple(names.split(","))


def test_numbers_in_another_order_than_nvml_has_are_refused() -> None:
    order = {"CUDA_DEVICE_ORDER": "FASTEST_FIRST"}
    with pytest.raises(StartError, match=r"CUDA_DEVICE_ORDER is 'FASTEST_FIRST'.*leave it out"):
        assigned(order, 2)
    assert assigned(order | {"CUDA_VISIBLE_DEVICES": "GPU-a"}, 2) == ("GPU-a",)
    assert assigned({"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}, 1) == ("0",)


@pytest.mark.parametrize(
    ("gpus", "index", "device"),
    [(("0", "1"), 1, "1"), (("0",), 1, "0"), (("0", "1"), 2, "0"), (("GPU-a", "GPU-b"), 1, "GPU-b")],
    ids=["one each", "two workers share one", "a third begins again", "by UUID"],
)
def test_each_worker_sees_one_gpu(gpus: tuple[str, ...], index: int, device: str) -> None:
    found = processes.worker_environment(3, gpus, index)
    assert (found["CUDA_VISIBLE_DEVICES"], found["OMP_NUM_THREADS"]) == (device, "3")
    assert found["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"


def test_without_a_gpu_cuda_is_told_nothing() -> None:
    assert not [name for name in processes.worker_environment(3, (), 0) if name.startswith("CUDA")]


PARTS = (Device(index=1, uuid="MIG-1", mig=True), Device(index=1, uuid="MIG-2", mig=True))
KNOWN = [
    Device(index=0, uuid="GPU-aa11"),
    Device(index=1, uuid="GPU-bb22", instances=PARTS),
    Device(index=2, uuid="GPU-cc33", instances=()),
]


@pytest.mark.parametrize(
    ("name", "uuid"),
    [
        pytest.param("0", "GPU-aa11", id="by its number"),
        pytest.param("GPU-aa11", "GPU-aa11", id="by its UUID"),
        pytest.param("GPU-a", "GPU-aa11", id="by the beginning of its UUID"),
        pytest.param("MIG-2", "MIG-2", id="an instance"),
        pytest.param("1", "MIG-1", id="of a parted device CUDA takes the first instance"),
        pytest.param("GPU-bb22", "MIG-1", id="likewise by UUID"),
        pytest.param("GPU-cc33", "GPU-cc33", id="a parted device whose instances are hidden"),
        pytest.param("3", None, id="a number that is not there"),
        pytest.param("GPU-dd", None, id="a UUID that is not there"),
    ],
)
def test_a_device_as_nvml_knows_it(name: str, uuid: str | None) -> None:
    found = located([name], KNOWN)
    assert (found[name].uuid if name in found else None) == uuid
    if uuid in {"MIG-1", "MIG-2", "GPU-cc33"}:
        assert found[name].mig


@pytest.mark.parametrize(
    ("environ", "declared"),
    [
        ({}, False),
        ({"NVIDIA_VISIBLE_DEVICES": "GPU-a"}, False),
        ({"NVIDIA_VISIBLE_DEVICES": "GPU-a::2"}, True),
        ({"CUDA_MPS_PIPE_DIRECTORY": "/mps"}, True),
    ],
    ids=["nothing", "a whole device", "a replica", "MPS"],
)
def test_the_environment_tells_of_sharing(environ: dict[str, str], declared: bool) -> None:
    assert time_sliced(environ) is declared
    assert Sharing(declared=declared).step(1, 1, 1) is (True if declared else None)


@pytest.mark.parametrize(
    ("samples", "shared"),
    [
        pytest.param([(1, 1, 1)] * AGREEING, False, id="ours alone"),
        pytest.param([(2, 1, 1)] * AGREEING, True, id="one more than ours"),
        pytest.param([(2, 1, 1)] * (AGREEING - 1), None, id="not yet sure"),
        pytest.param([(0, 1, 1)] * AGREEING, None, id="the driver hides even ours"),
        pytest.param([(None, 1, 1)] * AGREEING, None, id="it counts none"),
        pytest.param([(0, 1, 0)] * AGREEING, False, id="ours still loads"),
        pytest.param([(1, 1, 1)] * AGREEING + [(2, 1, 1), (1, 1, 1)] * 3, False, id="a worker's successor"),
        pytest.param([(2, 1, 1)] * AGREEING + [(1, 1, 1)] * AGREEING, False, id="they have left"),
    ],
)
def test_sharing_by_the_count_of_processes(
    samples: list[tuple[int | None, int, int]], shared: bool | None
) -> None:
    sharing = Sharing(declared=False)
    assert [sharing.step(*sample) for sample in samples][-1] is shared
