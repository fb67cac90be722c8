"""What a reconcile needs besides the model: made once per process."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from paddlemodel_operator.cluster.api import Api
from paddlemodel_operator.cluster.cache import Cache
from paddlemodel_operator.probing.model_records import ModelRecords
from paddlemodel_operator.probing.pod_prober import PodProber
from paddlemodel_operator.registration.ownership import Registration
from paddlemodel_operator.settings import Settings


def utc_now() -> dt.datetime:
    """The present time; tests pass another function."""
    return dt.datetime.now(dt.UTC)


@dataclass(frozen=True, kw_only=True)
class Context:
    """The API, what is known of the cluster, and the clock."""

    api: Api
    cache: Cache
    settings: Settings
    instance: str
    """The operator's pod, as Events name it."""
    prober: PodProber
    records: ModelRecords
    registration: Callable[[], Registration | None]
    """Who serves the metrics APIs, as the registrar saw it last; None before its first round."""
    now: Callable[[], dt.datetime] = utc_now
