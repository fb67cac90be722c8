"""What a reconcile needs besides the model: made once per process."""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from paddlemodel_operator.base import names
from paddlemodel_operator.base.errors import ApiError
from paddlemodel_operator.base.model import PaddleModel
from paddlemodel_operator.cluster.api import Api
from paddlemodel_operator.cluster.cache import Cache, Key, owned_by
from paddlemodel_operator.cluster.watch import Watch
from paddlemodel_operator.observe.pod_samples import PodSamples
from paddlemodel_operator.probing.model_records import ModelRecords
from paddlemodel_operator.probing.pod_prober import PodProber
from paddlemodel_operator.probing.rollout_meter import RolloutMeter
from paddlemodel_operator.reconcile.recent import Recent
from paddlemodel_operator.registration.ownership import Registration
from paddlemodel_operator.settings import Settings


def utc_now() -> dt.datetime:
    """The present time; tests pass another function."""
    return dt.datetime.now(dt.UTC)


@dataclass(frozen=True, slots=True)
class Sight:
    """Everything that decides what a reconcile does: equal ones lead to the same end."""

    versions: tuple[tuple[Key, int], ...]
    """Of the model, its children and its pods."""
    samples: PodSamples | None
    registration: Registration | None
    served: tuple[bool, ...]
    """Which of the optional kinds the cluster knows."""


@dataclass(frozen=True, kw_only=True)
class Context:
    """The API, what is known of the cluster, and the clock."""

    api: Api
    cache: Cache
    settings: Settings
    instance: str
    """The operator's pod, as Events name it."""
    prober: PodProber
    meter: RolloutMeter
    records: ModelRecords
    registration: Callable[[], Registration | None]
    """Who serves the metrics APIs, as the registrar saw it last; None before its first round."""
    optional: Mapping[tuple[names.Kind, str | None], Watch] = field(default_factory=dict)
    """The watches of kinds that the cluster may not know, by kind and namespace; None: all namespaces."""
    settled: dict[Key, Sight] = field(default_factory=dict)
    """What the last reconcile of a model saw, where it left nothing to do: another one would do the same."""
    recent: Recent = field(default_factory=Recent)
    begun: set[Key] = field(default_factory=set)
    """Models whose first children were made a moment ago, and that have no status yet."""
    ending: dict[str, ApiError] = field(default_factory=dict)
    """Namespaces that are being deleted, and what the server said: nobody asks it a second time."""
    foreign: set[tuple[names.Kind, Key]] = field(default_factory=set)
    """Objects of a child's name that were somebody else's when last looked at; no watch reports them."""
    now: Callable[[], dt.datetime] = utc_now

    def watch(self, kind: names.Kind, namespace: str) -> Watch | None:
        """The watch of a kind that the cluster may not know; None of one that each cluster knows."""
        return self.optional.get((kind, None)) or self.optional.get((kind, namespace))

    def serves(self, kind: names.Kind, namespace: str) -> bool:
        """Whether the cluster knows a kind."""
        found = self.watch(kind, namespace)
        return found is None or found.served

    def sight(self, key: Key) -> Sight:
        """What a reconcile of a model would see now."""
        served = tuple(watch.served for watch in self.optional.values())
        return Sight(self.cache.versions(key), self.prober.samples(key), self.registration(), served)

    def own(self, model: PaddleModel, kind: names.Kind, name: str = "") -> Mapping[str, Any] | None:
        """The model's child of a kind; without a name the one that has the model's own."""
        live = self.cache.get(kind, (model.namespace, name or model.name))
        return live if live is not None and owned_by(live, model.uid) else None

    def forget(self, key: Key) -> None:
        """The model is gone."""
        self.prober.forget(key)
        self.meter.forget(key)
        self.records.forget(key)
        self.settled.pop(key, None)
        self.recent.forget(key)
        self.begun.discard(key)
        for watch in self.optional.values():
            watch.waiting.discard(key)
        if key[0] in self.ending and not any(namespace == key[0] for namespace, _ in self.cache):
            del self.ending[key[0]]  # It is gone; one of its name may come, and is another one.
