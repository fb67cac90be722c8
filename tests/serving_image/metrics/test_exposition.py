"""The metrics of a real server: right across its processes, whatever dies, and as documented."""

import re
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import psutil
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as plain

from tests import cleartext
from tests.serving_image.support.metric_rules import documented, faults, shown
from tests.serving_image.support.servers import Server, eventually, linked, serving, tensor, whole

INFER = "/v2/models/mixed/infer"
ANSWERED = 'paddle_requests_total{route="infer",status="200"}'


@pytest.fixture(scope="module")
def counted(
    exported: Callable[[str, str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server of its own, since its counts are compared exactly."""
    folder = tmp_path_factory.mktemp("counted")
    with serving(exported("pir", "mixed"), folder, name="mixed", http_workers=2, workers=2) as running:
        whole(running, workers=2)
        yield running


def samples(server: Server) -> dict[str, float]:
    text = cleartext.get(f"{server.admin_url}/metrics", timeout=180).text
    parts = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in parts}


def infer(server: Server) -> int:
    """One request on a connection of its own, so that any HTTP worker may get it."""
    body = {"inputs": [tensor("x", "FP32", np.ones((1, 3), np.float32))]}
    return cleartext.post(f"{server.url}{INFER}", json=body, timeout=180).status_code


def load(server: Server, requests: int) -> list[int]:
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda _: infer(server), range(requests)))


def test_counts_are_exact_across_two_http_workers_and_two_workers(counted: Server) -> None:
    before = samples(counted)
    assert set(load(counted, 100)) == {200}
    found = samples(counted)

    def grown(name: str) -> float:
        return found[name] - before.get(name, 0)

    assert grown(ANSWERED) == 100
    assert grown('paddle_request_duration_seconds_count{route="infer"}') == 100
    for stage in ("decode", "queue", "batch", "predict", "encode"):
        assert grown(f'paddle_stage_duration_seconds_count{{stage="{stage}"}}') == 100, stage
    assert grown("paddle_batch_rows_sum") == 100
    runs = grown("paddle_batch_rows_count")
    assert 0 < runs <= 100
    assert grown("paddle_run_duration_seconds_count") == runs
    stages = sum(
        grown(f'paddle_stage_duration_seconds_sum{{stage="{stage}"}}')
        for stage in ("decode", "queue", "batch", "predict", "encode")
    )
    assert 0 < stages < grown('paddle_request_duration_seconds_sum{route="infer"}')


def test_a_killed_worker_leaves_its_counts(counted: Server) -> None:
    load(counted, 30)
    before = samples(counted)
    workers = counted.processes("worker")
    assert len(workers) == 2
    for worker in workers:
        worker.kill()
    eventually(
        lambda: (
            samples(counted)["paddle_worker_restarts_total"] == before["paddle_worker_restarts_total"] + 2
        ),
        "replaced",
    )
    whole(counted, workers=2)
    found = samples(counted)
    assert found["paddle_batch_rows_sum"] == before["paddle_batch_rows_sum"]
    name = 'paddle_worker_exits_total{reason="signal"}'
    assert found[name] == before[name] + 2
    assert set(load(counted, 30)) == {200}
    assert samples(counted)["paddle_batch_rows_sum"] == before["paddle_batch_rows_sum"] + 30


def test_a_killed_http_worker_leaves_its_counts_and_its_successor_goes_on(counted: Server) -> None:
    load(counted, 30)
    before = samples(counted)
    for _ in range(2):
        master, http_workers = counted.http_workers()
        for http_worker in http_workers:
            assert http_worker.ppid() == master.pid
            http_worker.send_signal(signal.SIGKILL)
            psutil.wait_procs([http_worker])
        eventually(lambda: len(counted.processes("http_worker")) == 3, "two HTTP workers again")
        eventually(lambda: answers(counted), "they answer", 90)
    eventually(lambda: linked(counted), "they have found the workers", 90)
    found = samples(counted)
    assert found[ANSWERED] == before[ANSWERED]
    assert set(load(counted, 30)) == {200}
    assert samples(counted)[ANSWERED] == before[ANSWERED] + 30


def answers(server: Server) -> bool:
    try:
        return cleartext.get(f"{server.admin_url}/readyz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def test_the_page_by_prometheus_own_parsers_and_rules(counted: Server) -> None:
    answer = cleartext.get(f"{counted.admin_url}/metrics", timeout=180)
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert {family.type for family in plain(answer.text)} == {"counter", "gauge", "histogram"}
    assert faults(answer.text) == []
    desired = {"Accept": "application/openmetrics-text;version=1.0.0;q=0.9,text/plain;q=0.1"}
    answer = cleartext.get(f"{counted.admin_url}/metrics", headers=desired, timeout=180)
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    families = open_metrics(answer.text)  # type: ignore[no-untyped-call]  # its lack
    assert "paddle_requests" in {family.name for family in families}


def test_a_hostile_client_makes_no_series(counted: Server) -> None:
    before = set(samples(counted))
    with (
        cleartext.Client(base_url=counted.url, timeout=180) as client,
        cleartext.Client(base_url=counted.admin_url, timeout=180) as admin,
    ):
        for number in range(50):
            client.get(f"/{number}")
            client.request(f"METHOD{number}", "/predict")
            client.post(f"/v2/models/{number}/infer", headers={"X-Request-Id": str(number)})
            admin.get(f"/{number}")
            admin.request(f"METHOD{number}", "/metrics")
            admin.get("/metrics", headers={"Accept": f"application/openmetrics-text;version={number}"})
    made = {name for name in set(samples(counted)) - before if "_bucket" not in name}
    assert all(re.search(r'route="(other|infer|predict|metrics)"', name) for name in made), made
    assert len(made) < 20


def test_memory_of_every_kind_of_process(counted: Server) -> None:
    found = samples(counted)
    for kind in ("http_worker", "worker", "supervisor"):
        resident = found[f'paddle_process_resident_memory_bytes{{process="{kind}"}}']
        processes = [psutil.Process(counted.process.pid)] if kind == "supervisor" else counted.processes(kind)
        assert resident == pytest.approx(sum(process.memory_info().rss for process in processes), rel=0.1)
        assert 0 < found[f'paddle_process_anonymous_memory_bytes{{process="{kind}"}}'] < resident


def test_the_documentation_has_every_metric_and_no_other(counted: Server) -> None:
    """Others: test_gpu_metrics, test_tls (Secrets), test_tokens, and mirror/ for mirrored requests."""
    text = cleartext.get(f"{counted.admin_url}/metrics", timeout=180).text
    here = {
        name: entry
        for name, entry in documented().items()
        if not re.match("paddle_(gpu|nvml|api|jwt|shared|tls|mirror|mirrored)_", name)
    }
    assert shown(text) == here
