"""Plays the kubelet for the pods of a namespace: each runs, is ready, and serves a page of metrics.

What a pod counts is a function of its labels and its age, so that a version can be as good or bad as a test
wants it.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
from paddlemodel_operator.base import names

from tests.operator.support.cluster import Cluster
from tests.operator.support.simulated_pods import SimulatedPod, page, run

Labels = Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """What a pod answers in a second."""

    requests: float = 100.0
    failed: float = 0.0
    """Of these."""
    agreed: float = 0.0
    """Mirrored requests that a stable pod compares."""
    differed: float = 0.0

    def text(self, seconds: float) -> str:
        """The page after so many seconds."""
        total, failed = int(self.requests * seconds), int(self.failed * seconds)
        route = 'route="predict"'
        lines = [
            f'paddle_requests_total{{{route},status="200"}} {total - failed}.0',
            f'paddle_requests_total{{{route},status="500"}} {failed}.0',
            f'paddle_request_duration_seconds_bucket{{{route},le="0.01"}} {total}.0',
            f'paddle_request_duration_seconds_bucket{{{route},le="+Inf"}} {total}.0',
            f"paddle_request_duration_seconds_sum{{{route}}} {total * 0.008}",
            f'paddle_mirror_total{{result="agree"}} {int(self.agreed * seconds)}.0',
            f'paddle_mirror_total{{result="differ"}} {int(self.differed * seconds)}.0',
        ]
        return "\n".join(lines) + "\n"


class Kubelet:
    """Of one namespace; `traffic` says what a pod with these labels answers."""

    def __init__(self, cluster: Cluster, namespace: str, traffic: Callable[[Labels], Traffic | None]) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self.traffic = traffic
        """None: such a pod does not become ready."""
        self._pods: dict[str, SimulatedPod] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @classmethod
    @contextmanager
    def of(
        cls, cluster: Cluster, namespace: str, traffic: Callable[[Labels], Traffic | None]
    ) -> Iterator["Kubelet"]:
        made = cls(cluster, namespace, traffic)
        made._thread.start()
        try:
            yield made
        finally:
            made._over.set()
            made._thread.join()
            for pod in made._pods.values():
                pod.close()

    def _run(self) -> None:
        while not self._over.wait(0.2):
            for pod in self._cluster.all(names.POD, self._namespace):
                uid, labels = pod["metadata"]["uid"], pod["metadata"].get("labels", {})
                traffic = self.traffic(labels)
                if uid in self._pods or traffic is None:
                    continue
                self._pods[uid] = server = SimulatedPod()
                began = time.monotonic()
                server.behave = lambda client, over, began=began, traffic=traffic: page(  # type: ignore[misc]
                    traffic.text(time.monotonic() - began)
                )(client, over)
                try:
                    run(self._cluster, pod, server.address)
                except httpx.HTTPStatusError:
                    continue  # It was deleted meanwhile.
