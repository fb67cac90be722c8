"""What an autoscaled model did: load, utilisation and replicas every second, and when the autoscaler looked.

Written down by a thread of its own while a test does things to the model; `plot.py` draws it.
"""

import json
import re
import subprocess
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Self

import httpx
from paddlemodel_api import contract
from paddlemodel_operator.base import names

from devcluster import cluster
from devcluster.demo.autoscaling import number
from devcluster.paths import State
from tests.cluster.load import NAME as LOAD
from tests.operator.support.cluster import Cluster

METRICS: Final = "/apis/custom.metrics.k8s.io/v1beta2"
_SYNCS: Final = r'^horizontal_pod_autoscaler_controller_reconciliations_total\{action="(\w+)".*\} (\d+)'
#: Asks the controller manager, which listens inside the node only, and wants a certificate.
_ASK: Final = """
import ssl, sys, urllib.request
context = ssl._create_unverified_context()
context.load_cert_chain(sys.argv[1], sys.argv[2])
answer = urllib.request.urlopen("https://127.0.0.1:10257/metrics", context=context)
sys.stdout.write(answer.read().decode())
"""


def syncs(state: State) -> Counter[str]:
    """How often the cluster's autoscalers have looked, by what they did: none, scale_up, scale_down."""
    pair = str(state.pki / "admin.crt"), str(state.pki / "admin.key")
    command = cluster.inside(state, sys.executable, "-c", _ASK, *pair)
    page = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found: Counter[str] = Counter()
    for action, count in re.findall(_SYNCS, page, re.MULTILINE):
        found[action] += int(count)
    return found


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One moment.

    Attributes:
        at: Seconds since the recording began.
        answered: Requests so far.
        lost: Requests so far.
        utilisation: Percent, by pod, as the metrics API tells it; a pod that loads has none.
        replicas: What the Deployment is told to have.
        ready: How many pods of it are ready.
    """

    at: float
    answered: int
    lost: int
    utilisation: dict[str, float]
    replicas: int
    ready: int

    @property
    def average(self) -> float | None:
        """What the autoscaler compares with its target, where all pods report."""
        values = self.utilisation.values()
        return sum(values) / len(values) if values else None


@dataclass(kw_only=True)
class Recording:
    """All moments, and what was done at some of them."""

    target: int
    samples: list[Sample] = field(default_factory=list)
    marks: list[tuple[float, str]] = field(default_factory=list)

    def write(self, path: Path) -> None:
        """Save as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, path: Path) -> "Recording":
        """Load what `write` saved."""
        content = json.loads(path.read_text())
        samples = [Sample(**one) for one in content["samples"]]
        return cls(
            target=content["target"], samples=samples, marks=[(at, text) for at, text in content["marks"]]
        )

    def since(self, mark: str) -> list[Sample]:
        """The samples after a mark."""
        (at,) = [moment for moment, text in self.marks if text == mark]
        return [sample for sample in self.samples if sample.at >= at]


class Sampler(ABC):
    """Looks at a cluster every second, until it ends, while a test does things to it."""

    def __init__(self, kubeconfig: Path, marks: list[tuple[float, str]]) -> None:
        self._cluster, self._marks = Cluster(kubeconfig), marks
        self._began = time.monotonic()
        self._ended = threading.Event()
        self._fault: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="sampler")

    @contextmanager
    def running(self) -> Iterator[Self]:
        """Record meanwhile."""
        self._thread.start()
        try:
            yield self
        finally:
            self._ended.set()
            self._thread.join(timeout=180)
            self._cluster.http.close()
        assert self._fault is None, self._fault

    def mark(self, text: str) -> None:
        """Note what happens now."""
        self._marks.append((self._now(), text))

    @abstractmethod
    def _look(self) -> None:
        """Add a sample."""

    def _now(self) -> float:
        return round(time.monotonic() - self._began, 2)

    def _run(self) -> None:
        try:
            while not self._ended.wait(1):
                with suppress(httpx.HTTPError):  # a busy machine; the next second is as good
                    self._look()
        except BaseException as fault:  # noqa: BLE001 - told at the end, whatever it was
            self._fault = fault


class Recorder(Sampler):
    """Of an autoscaled model."""

    def __init__(self, kubeconfig: Path, namespace: str, model: str, target: int) -> None:
        self.recording = Recording(target=target)
        super().__init__(kubeconfig, self.recording.marks)
        self._namespace, self._model = namespace, model

    def _look(self) -> None:
        self.recording.samples.append(self._sample())

    def _sample(self) -> Sample:
        deployment = self._cluster.need(names.DEPLOYMENT, self._namespace, self._model)
        counted = self._counts()
        return Sample(
            at=self._now(),
            answered=counted.get("answered", 0),
            lost=counted.get("lost", 0),
            utilisation=self._utilisation(),
            replicas=deployment["spec"]["replicas"],
            ready=deployment["status"].get("readyReplicas", 0),
        )

    def _utilisation(self) -> dict[str, float]:
        """As the autoscaler itself asks; nothing where there is no metrics API or no pod that reports."""
        path = f"{METRICS}/namespaces/{self._namespace}/pods/*/{contract.GPU_METRIC}"
        answer = self._cluster.http.get(
            path, params={"labelSelector": f"{contract.MODEL_LABEL}={self._model}"}
        )
        items = answer.json()["items"] if answer.is_success else []
        return {item["describedObject"]["name"]: number(item["value"]) for item in items}

    def _counts(self) -> dict[str, Any]:
        pods = f"/api/v1/namespaces/{self._namespace}/pods"
        found = self._cluster.http.get(pods, params={"labelSelector": f"app={LOAD}"}).json()["items"]
        for pod in found:
            log = self._cluster.http.get(f"{pods}/{pod['metadata']['name']}/log", params={"tailLines": 1})
            if log.is_success and log.text.strip():
                counted: dict[str, Any] = json.loads(log.text)
                return counted
        return {}
