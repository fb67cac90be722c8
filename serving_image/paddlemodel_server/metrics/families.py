"""How counters and numbers become what prometheus-client renders."""

from collections.abc import Sequence
from itertools import accumulate

from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily

from paddlemodel_server.ipc.counters import Array, cells_of


def gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    """A number without labels."""
    return GaugeMetricFamily(name, text, value)


def add_histogram(
    family: HistogramMetricFamily, labels: Sequence[str], row: Array, at: int, bounds: tuple[float, ...]
) -> None:
    """Read a histogram's cells into a family, cumulative as Prometheus wants it."""
    *counts, total = row[at : at + cells_of(bounds)].tolist()
    names = [*map(str, bounds), "+Inf"]
    family.add_metric(labels, list(zip(names, accumulate(counts), strict=True)), total)
