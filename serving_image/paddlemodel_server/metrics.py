"""What Prometheus sees, right across the processes of one pod.

Each process counts into files of its own (prometheus-client's multiprocess mode; the supervisor sets
PROMETHEUS_MULTIPROC_DIR before it starts them), and whichever front is scraped adds them up. Gauges come from
the board, which is shared anyway. Route and status are bounded sets.
"""

import os
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, values
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from paddlemodel_server import board as boards
from paddlemodel_server.model import Model
from paddlemodel_server.runtime import Learned, Runtime
from paddlemodel_server.settings import Settings

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


def know_process() -> None:
    """Ask for the process's number once, not at every count: a tenth of a small request's cost otherwise."""
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        pid = os.getpid()
        values.ValueClass = values.MultiProcessValue(lambda: pid)  # type: ignore[no-untyped-call]  # its lack


class Front:
    """What the doors count; made after the fork."""

    def __init__(self) -> None:
        know_process()
        # registry=None: the scrape reads the files, not these objects.
        self._requests = Counter("paddle_requests", "Requests answered.", ["route", "status"], registry=None)
        self._seconds = Histogram(
            "paddle_request_duration_seconds",
            "From the head of a request to its answer.",
            ["route"],
            buckets=SECONDS,
            registry=None,
        )
        self._children: dict[tuple[str, int], tuple[Counter, Histogram]] = {}

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count one answer."""
        children = self._children.get((route, status))
        if children is None:
            children = self._requests.labels(route, str(status)), self._seconds.labels(route)
            self._children[route, status] = children
        children[0].inc()
        children[1].observe(seconds)


class Owner:
    """What an owner counts."""

    def __init__(self) -> None:
        know_process()
        self._rows = Histogram("paddle_batch_rows", "Rows that ran together.", buckets=ROWS, registry=None)
        self._seconds = Histogram(
            "paddle_run_duration_seconds", "Time of one run of the model.", buckets=SECONDS, registry=None
        )

    def ran(self, rows: int, seconds: float) -> None:
        """Count one run."""
        self._rows.observe(rows)
        self._seconds.observe(seconds)


class _BoardCollector(Collector):
    def __init__(self, page: "Page") -> None:
        self._page = page

    def collect(self) -> Iterable[Metric]:
        """Read the board."""
        page = self._page
        board, sizes = page.board, page.runtime.sizes
        owners = [board.owner(index) for index in range(sizes.owners)]
        ready = [owner for owner in owners if owner.state == boards.READY]
        admitted = board.admitted(boards.MAX_FRONTS)
        running = sum(owner.running for owner in ready)
        yield _gauge("paddle_requests_in_flight", "Requests taken in and not answered yet.", admitted)
        yield _gauge("paddle_queue_depth", "Requests that wait for a run.", max(0, admitted - running))
        yield _gauge(
            "paddle_queue_limit", "Waiting requests beyond which 429 is answered.", page.settings.queue_size
        )
        yield _gauge("paddle_owners_ready", "Owner processes that can run the model.", len(ready))
        yield CounterMetricFamily("paddle_owner_restarts", "Owner processes replaced.", board.restarts)
        if ready:
            yield _gauge(
                "paddle_busy_ratio", "Share of time in which the owners ran the model.", board.busy_ratio
            )
            yield _gauge(
                "paddle_model_load_seconds", "From an owner's start to ready.", ready[0].load_ms / 1e3
            )
            yield _gauge(
                "paddle_batch_best_rows",
                "Rows of a run that answer most rows per second.",
                ready[0].best_batch,
            )
        yield self._info()

    def _info(self) -> Metric:
        page = self._page
        learned = Learned.load(page.runtime.folder)
        return InfoMetricFamily(
            "paddle_model",
            "The served model.",
            {
                "name": page.settings.name,
                "format": page.model.format,
                "device": page.settings.device,
                "onednn": str(learned.onednn).lower() if learned else "",
                "paddle_version": learned.paddle if learned else "",
            },
        )


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value)


class Page:
    """The whole /metrics page."""

    def __init__(self, settings: Settings, runtime: Runtime, board: boards.Board, model: Model) -> None:
        self.settings = settings
        self.runtime = runtime
        self.board = board
        self.model = model

    def render(self) -> bytes:
        """Collect from every process of the pod."""
        registry = CollectorRegistry()
        MultiProcessCollector(registry, str(self.runtime.metrics))  # type: ignore[no-untyped-call]  # its lack
        registry.register(_BoardCollector(self))
        return generate_latest(registry)
