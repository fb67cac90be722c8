"""GPUs as a real server sees them, through the real nvidia-ml-py; driver and Paddle's GPU are simulated."""

import re
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from devcluster.simulated_gpu import build_nvml
from tests import cleartext
from tests.serving_image.support import simulated
from tests.serving_image.support.metric_rules import documented, faults, shown
from tests.serving_image.support.servers import Server, eventually
from tests.serving_image.support.simulated import Gpus

Export = Callable[[str, str], Path]
FOR_AUTOSCALERS = {
    "paddle_gpu_utilization",
    "paddle_gpu_memory_utilization",
    "paddle_busy_ratio",
    "paddle_inflight_requests",
    "paddle_queue_depth",
    "paddle_queue_seconds",
}
OF_GPUS = {"paddle_gpu_utilization", "paddle_gpu_memory_utilization"}
BODY = {"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP32", "data": [1, 2, 3]}]}


@pytest.fixture(scope="session")
def nvml(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_nvml(tmp_path_factory.mktemp("nvml"))


@pytest.fixture
def gpus(tmp_path: Path, nvml: Path) -> Gpus:
    shutil.copy(nvml, tmp_path)
    return Gpus(tmp_path, "uuid=GPU-a util=load")


@pytest.fixture
def server(exported: Export, tmp_path: Path, gpus: Gpus) -> Iterator[Server]:
    """A server with one GPU."""
    with simulated.serving(exported("pir", "mixed"), tmp_path, gpus, name="mixed") as running:
        running.wait_ready()
        eventually(lambda: "paddle_gpu_utilization" in samples(running), "it is measured")
        yield running


def samples(server: Server) -> dict[str, float]:
    lines = (line.rpartition(" ") for line in server.get("/metrics")[1].splitlines() if line[:1] != "#")
    return {name: float(value) for name, _, value in lines}


def state(server: Server) -> str:
    (found,) = re.findall(r'^paddle_nvml_state\{state="(\w+)"\} 1', server.get("/metrics")[1], re.MULTILINE)
    return str(found)


def until(server: Server, wanted: str) -> dict[str, float]:
    eventually(lambda: state(server) == wanted, f"the state is {wanted}: {server.logged()[-2000:]}")
    return samples(server)


def asked(server: Server) -> int:
    return cleartext.post(f"{server.url}/v2/models/mixed/infer", json=BODY, timeout=180).status_code


def test_the_page_as_documented_and_by_prometheus_rules(server: Server) -> None:
    assert asked(server) == 200
    shared = 'paddle_gpu_device_shared{gpu="0",uuid="GPU-a"}'
    eventually(lambda: samples(server).get(shared) == 0, "nobody else uses it")
    text = server.get("/metrics")[1]
    # Those of access are in http/protected/, those of mirroring in mirror/: where there are some.
    absent = re.compile("paddle_(api|jwt|shared|tls|mirror|mirrored)_")
    assert shown(text) == {name: one for name, one in documented().items() if not absent.match(name)}
    assert faults(text) == []
    assert samples(server).keys() >= FOR_AUTOSCALERS  # without labels


def test_while_it_loads_a_pod_tells_autoscalers_nothing(exported: Export, tmp_path: Path, gpus: Gpus) -> None:
    gpus.set("uuid=GPU-a util=70")
    with simulated.serving(exported("pir", "mixed"), tmp_path, gpus, name="mixed") as server:
        (worker,) = eventually(lambda: server.processes("worker"), "the worker is started")
        worker.suspend()
        eventually(lambda: alive(server), "an HTTP worker answers")
        eventually(lambda: samples(server)["paddle_gpu_busy_seconds_total"] > 0, "it is measured")
        assert state(server) == "loading"
        assert not FOR_AUTOSCALERS & samples(server).keys()
        assert samples(server)['paddle_gpu_device_utilization{gpu="0",uuid="GPU-a"}'] == 70
        worker.resume()
        found = until(server, "ok")
        assert found.keys() >= FOR_AUTOSCALERS - {"paddle_gpu_utilization"}
        eventually(lambda: samples(server).get("paddle_gpu_utilization") == 70, "it is measured anew")


def alive(server: Server) -> bool:
    try:
        return server.get("/healthz")[0] == 200
    except OSError:
        return False


def test_only_the_devices_that_workers_use_follow_their_load(
    exported: Export, tmp_path: Path, gpus: Gpus
) -> None:
    gpus.set(*(f"uuid=GPU-{name} util={util}" for name, util in (("a", 90), ("b", "load"), ("c", "load"))))
    chosen = {"CUDA_VISIBLE_DEVICES": "GPU-c,1", "SIMULATED_GPU_RUN_MS": "50"}
    with simulated.serving(
        exported("pir", "mixed"), tmp_path, gpus, chosen, name="mixed", workers=2, max_batch_size=1
    ) as server:
        server.wait_ready()
        eventually(lambda: samples(server)["paddle_workers_ready"] == 2, "both workers are ready")
        assert sorted(worker.environ()["CUDA_VISIBLE_DEVICES"] for worker in server.processes("worker")) == [
            "1",
            "GPU-c",
        ]
        eventually(lambda: samples(server).get("paddle_gpu_utilization", 100) < 20, "they are idle")
        uuids = set(re.findall(r'gpu="(\d)",uuid="([\w-]+)"', server.get("/metrics")[1]))
        assert uuids == {("1", "GPU-b"), ("2", "GPU-c")}
        over = Event()
        with ThreadPoolExecutor(4) as pool:
            clients = [pool.submit(keep_asking, server, over) for _ in range(4)]
            try:
                # Each number has a window of its own, so they do not rise in step.
                busy = eventually(lambda: all_above(server, RISEN), "all of it rises with the load")
            finally:
                over.set()
            assert {client.result() for client in clients} == {200}
        eventually(lambda: stands_still(server), "nothing is counted as busy any more")
        eventually(
            lambda: samples(server)["paddle_gpu_utilization"] < busy["paddle_gpu_utilization"], "it falls"
        )


RISEN = {
    "paddle_gpu_utilization": 30,
    'paddle_gpu_device_utilization{gpu="1",uuid="GPU-b"}': 10,
    'paddle_gpu_device_utilization{gpu="2",uuid="GPU-c"}': 10,
    "paddle_busy_ratio": 0.1,
    "paddle_queue_seconds": 0,
}


def all_above(server: Server, least: dict[str, float]) -> dict[str, float] | None:
    found = samples(server)
    return found if all(found[name] > value for name, value in least.items()) else None


def keep_asking(server: Server, over: Event) -> int:
    with cleartext.Client(base_url=server.url, timeout=180) as client:
        while not over.is_set():
            status = client.post("/v2/models/mixed/infer", json=BODY).status_code
            if status != 200:
                return status
    return 200


def stands_still(server: Server) -> bool:
    """Whether time passes without work."""
    before = samples(server)
    held, busy = "paddle_gpu_seconds_total", "paddle_gpu_busy_seconds_total"
    after = eventually(lambda: (new := samples(server))[held] > before[held] and new, "a further sample")
    return bool(after[busy] == before[busy])


@pytest.mark.parametrize(
    ("broken", "cure"),
    [
        ("uuid=GPU-a error=15", "drain the node and reboot it"),
        ("driver error=18\nuuid=GPU-a", "updated under this pod: delete the pod"),
        ("uuid=GPU-a error=77", "nvidia-smi on the node may tell more"),
    ],
    ids=["lost", "driver updated", "unknown"],
)
def test_a_driver_that_fails_leaves_gaps_never_zeros_and_comes_back(
    server: Server, gpus: Gpus, broken: str, cure: str
) -> None:
    gpus.set(broken)
    found = until(server, "failed")
    assert not OF_GPUS & found.keys()
    assert not [name for name in found if name.startswith("paddle_gpu_device")]
    assert found.keys() >= FOR_AUTOSCALERS - OF_GPUS
    assert asked(server) == 200
    counted = found["paddle_gpu_seconds_total"]
    gpus.set("uuid=GPU-a util=30 used=1 total=4")
    eventually(lambda: samples(server).get("paddle_gpu_utilization") == 30, "it is back, without the past")
    found = samples(server)
    assert found["paddle_gpu_memory_utilization"] == 25
    assert found["paddle_gpu_seconds_total"] >= counted
    lines = [line for line in server.logged().splitlines() if "NVML" in line]
    assert len(lines) == 3, lines  # it worked, it failed, it works
    assert cure in lines[1]


def test_a_call_that_hangs_holds_nothing_up(server: Server, gpus: Gpus) -> None:
    gpus.set("uuid=GPU-a hang=1")
    found = until(server, "failed")
    assert not OF_GPUS & found.keys()
    assert asked(server) == 200
    before = samples(server)["paddle_busy_ratio"]
    assert 0 <= before <= 1
    eventually(lambda: "a call of NVML does not return" in server.logged(), "the log says so")
    gpus.set("uuid=GPU-a util=30")
    until(server, "ok")
    assert server.logged().count("a call of NVML does not return") == 1
    assert server.logged().count("NVML tells how busy the GPUs are: GPU-a") == 2
    gpus.set("uuid=GPU-a hang=1")
    until(server, "failed")
    assert server.stop() == 0


def test_a_driver_that_never_answers_delays_nobody(exported: Export, tmp_path: Path, gpus: Gpus) -> None:
    gpus.set("driver hang=1")
    with simulated.serving(exported("pir", "mixed"), tmp_path, gpus, name="mixed") as server:
        server.wait_ready()
        assert asked(server) == 200
        found = samples(server)
        assert state(server) in {"loading", "failed"}  # the latter after half a minute
        assert not OF_GPUS & found.keys()
        assert found.keys() >= FOR_AUTOSCALERS - OF_GPUS
        gpus.set("uuid=GPU-a util=10")
        until(server, "ok")


def test_a_part_of_a_gpu_is_noticed(exported: Export, tmp_path: Path, gpus: Gpus) -> None:
    gpus.set(
        "uuid=GPU-a mig=1",
        "uuid=MIG-1 parent=0 used=1 total=10",
        "uuid=MIG-2 parent=0 used=3 total=10",
    )
    given = {"NVIDIA_VISIBLE_DEVICES": "MIG-2"}
    with simulated.serving(exported("pir", "mixed"), tmp_path, gpus, given, name="mixed") as server:
        server.wait_ready()
        found = until(server, "mig")
        assert "paddle_gpu_utilization" not in found
        assert found["paddle_gpu_memory_utilization"] == 30
        assert found['paddle_gpu_device_memory_used_bytes{gpu="0",uuid="MIG-2"}'] == 3
        assert found["paddle_busy_ratio"] >= 0
        assert found["paddle_gpu_seconds_total"] == 0
        (worker,) = server.processes("worker")
        assert worker.environ()["CUDA_VISIBLE_DEVICES"] == "MIG-2"
        assert server.logged().count("scale on autoscaling.busyRatio instead") == 1


def test_a_gpu_that_others_use_is_noticed(server: Server, gpus: Gpus) -> None:
    name = 'paddle_gpu_device_shared{gpu="0",uuid="GPU-a"}'
    eventually(lambda: samples(server).get(name) == 0, "nobody else uses it")
    gpus.set("uuid=GPU-a processes=2")
    eventually(lambda: samples(server).get(name) == 1, "somebody does")
    eventually(lambda: server.logged().count("others use a GPU, too") == 1, "the log says so")
    gpus.set("uuid=GPU-a processes=none")
    eventually(lambda: name not in samples(server), "nobody can tell")
    assert "paddle_gpu_utilization" in samples(server)


def test_what_a_gpu_does_not_tell_is_absent(server: Server, gpus: Gpus) -> None:
    gpus.set("uuid=GPU-a util=10 temperature=none power=none ecc=none used=2 total=8")
    gone = ["temperature_celsius", "power_watts", "ecc_errors_total"]
    eventually(lambda: not [name for name in samples(server) if any(word in name for word in gone)], "gone")
    assert samples(server)["paddle_gpu_memory_utilization"] == 25
    gpus.set("uuid=GPU-a util=none")
    found = until(server, "failed")
    assert not OF_GPUS & found.keys()
    assert 'paddle_gpu_device_power_watts{gpu="0",uuid="GPU-a"}' in found
    gpus.set("uuid=GPU-a util=20 temperature=71 power=350500 ecc=3")
    found = until(server, "ok")
    assert found['paddle_gpu_device_temperature_celsius{gpu="0",uuid="GPU-a"}'] == 71
    assert found['paddle_gpu_device_power_watts{gpu="0",uuid="GPU-a"}'] == 350.5
    assert found['paddle_gpu_device_ecc_errors_total{gpu="0",uuid="GPU-a"}'] == 3


def test_a_library_or_a_device_that_comes_later_is_found(
    exported: Export, tmp_path: Path, nvml: Path
) -> None:
    gpus = Gpus(tmp_path, "uuid=GPU-b")
    given = {"CUDA_VISIBLE_DEVICES": "GPU-a"}
    with simulated.serving(exported("pir", "mixed"), tmp_path, gpus, given, name="mixed") as server:
        server.wait_ready()
        found = until(server, "library_missing")
        assert not OF_GPUS & found.keys()
        assert found.keys() >= FOR_AUTOSCALERS - OF_GPUS
        shutil.copy(nvml, tmp_path / "part")
        (tmp_path / "part").rename(tmp_path / nvml.name)
        assert not OF_GPUS & until(server, "no_device").keys()
        gpus.set("uuid=GPU-b", "uuid=GPU-a util=10")
        until(server, "ok")
        for sentence in ("leave `utility` in NVIDIA_DRIVER_CAPABILITIES", "there is no device GPU-a"):
            assert server.logged().count(sentence) == 1
