"""From two pages of metrics to a row of `paddlemodel top`."""

import math
from typing import Any

import pytest
from paddlemodel_operator.commands.deployed.top.pod_metrics import Load, PodMetrics, load, quantile, read
from paddlemodel_operator.commands.deployed.top.table import duration, listing

PAGE = """
# TYPE paddle_request_duration_seconds histogram
paddle_request_duration_seconds_bucket{le="0.1",route="predict"} 10.0
paddle_request_duration_seconds_bucket{le="+Inf",route="predict"} 20.0
paddle_request_duration_seconds_count{route="predict"} 20.0
paddle_request_duration_seconds_bucket{le="0.1",route="infer"} 1.0
paddle_request_duration_seconds_bucket{le="+Inf",route="infer"} 1.0
paddle_request_duration_seconds_count{route="infer"} 1.0
paddle_request_duration_seconds_bucket{le="+Inf",route="health"} 900.0
paddle_request_duration_seconds_count{route="health"} 900.0
# TYPE paddle_gpu_utilization gauge
paddle_gpu_utilization 80.0
# TYPE paddle_gpu_memory_utilization gauge
paddle_gpu_memory_utilization NaN
# TYPE paddle_process_resident_memory_bytes gauge
paddle_process_resident_memory_bytes{process="worker-0"} 1048576.0
paddle_process_resident_memory_bytes{process="http-0"} 1048576.0
"""


def test_a_page_is_read_for_the_routes_that_run_the_model() -> None:
    assert read(PAGE) == PodMetrics(
        gauges={"paddle_gpu_utilization": 80.0},
        requests=21.0,
        buckets={0.1: 11.0, math.inf: 21.0},
        memory=2097152.0,
    )
    assert read("") == PodMetrics()
    # A server that has not been asked yet exports no series of its routes.
    assert read("# TYPE paddle_inflight_requests gauge\npaddle_inflight_requests 0\n").requests == 0


@pytest.mark.parametrize("text", ["<html>", "a{b 1", "paddle_x one"])
def test_what_is_no_page_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read(text)


def reading(requests: float, fast: float, **gauges: float) -> PodMetrics:
    return PodMetrics(
        requests=requests,
        buckets={0.1: fast, math.inf: requests},
        gauges={f"paddle_{name}": value for name, value in gauges.items()},
    )


def test_rates_are_of_pods_that_were_read_twice() -> None:
    before = {"a": reading(100, 100), "b": reading(1000, 1000)}
    after = {
        "a": reading(110, 110, busy_ratio=0.2, inflight_requests=1),
        "b": reading(30, 30, busy_ratio=0.4, inflight_requests=2),  # has started again
        "c": reading(10_000, 10_000),  # was not reached the first time
    }
    found = load(before, after, 2.0)
    assert found.qps == 20.0
    assert found.p95 == pytest.approx(0.095)
    assert found.busy == pytest.approx(0.3)
    assert found.inflight == 3
    assert load({}, {}, 0.0) == Load()


QUANTILES: list[tuple[dict[float, float], float | None]] = [
    ({}, None),
    ({0.1: 0, math.inf: 0}, None),
    ({0.1: 10, 0.2: 10, math.inf: 10}, 0.095),
    ({0.1: 90, 0.2: 100, math.inf: 100}, 0.15),
    ({0.1: 0, math.inf: 10}, 0.1),
    ({math.inf: 10}, 0.0),
]


@pytest.mark.parametrize(("buckets", "expected"), QUANTILES)
def test_the_quantile_is_that_of_prometheus(buckets: Any, expected: float | None) -> None:
    assert quantile(0.95, buckets) == (None if expected is None else pytest.approx(expected))


def test_numbers_are_written_to_be_read() -> None:
    shown = listing(["NAME"], [(["a"], Load(qps=12.34, p95=0.0123, busy=0.5, gpu=80.2, memory=2**21))])
    head, row = (line.split() for line in shown.splitlines())
    assert dict(zip(head, row, strict=True)) == {
        "NAME": "a",
        "QPS": "12.3",
        "P95": "12.3ms",
        "INFLIGHT": "-",
        "QUEUED": "-",
        "WAIT": "-",
        "BUSY": "50%",
        "GPU": "80%",
        "GPU-MEM": "-",
        "MEMORY": "2Mi",
    }
    assert [duration(value) for value in (0.00056, 0.25, 1.26, None)] == ["0.56ms", "250ms", "1.3s", "-"]
