"""What /metrics says of mirrored requests: of a stable version what came of them, of a canary the load.

They are in none of the clients' metrics, by which versions are judged and people warned.
"""

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from paddlemodel_server.ipc.counters import Array, Counters
from paddlemodel_server.metrics import catalog
from paddlemodel_server.metrics.families import add_histogram


class Mirrored(Collector):
    """What the HTTP workers counted."""

    def __init__(self, counters: Counters, routes: int) -> None:
        """`routes`: how many have a place in a row before that of mirrored requests."""
        self._counters = counters
        self._at = catalog.ROUTES_AT + routes * catalog.ROUTE_CELLS

    def collect(self) -> Iterable[Metric]:
        """Add up the HTTP workers; of the worst differences take the largest."""
        rows = self._counters.http_workers()
        total = rows.sum(axis=0)
        yield from _compared(total, rows.max(axis=0, initial=0))
        yield from _answered(total[self._at :])


def _compared(total: Array, most: Array) -> Iterable[Metric]:
    """Of a stable version."""
    results = CounterMetricFamily(
        "paddle_mirror", "Requests that were mirrored to a canary, by what came of it.", labels=["result"]
    )
    for at, result in enumerate(catalog.MIRROR_RESULTS, start=catalog.MIRROR_AT):
        results.add_metric([result], total[at])
    yield results
    worst = GaugeMetricFamily(
        "paddle_mirror_worst_difference",
        "The largest difference between answers of both versions since the canary appeared.",
        labels=["measure"],
    )
    for at, measure in enumerate(catalog.MEASURES, start=catalog.WORST_AT):
        worst.add_metric([measure], most[at])
    yield worst


def _answered(total: Array) -> Iterable[Metric]:
    """Of a canary: the cells of its mirrored requests."""
    requests = CounterMetricFamily(
        "paddle_mirrored_requests", "Mirrored requests that this pod has answered.", labels=["status"]
    )
    counts = total[: len(catalog.STATUSES)].tolist()
    for status, count in zip(catalog.STATUSES, counts, strict=True):
        if count:
            requests.add_metric([str(status)], count)
    yield requests
    durations = HistogramMetricFamily(
        "paddle_mirrored_request_duration_seconds",
        "From the end of a mirrored request's head to its answer.",
    )
    add_histogram(durations, [], total, len(catalog.STATUSES), catalog.SECONDS)
    yield durations
