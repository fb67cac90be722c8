"""What a reconcile may use: made once by `controller`, handed to every reconcile."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from paddlemodel_operator.cluster.api import Api
from paddlemodel_operator.cluster.cache import Cache
from paddlemodel_operator.probing.gpu_accounting import Ledger
from paddlemodel_operator.probing.pod_prober import Insight
from paddlemodel_operator.registration.ownership import Registration
from paddlemodel_operator.settings import Settings


def utc_now() -> dt.datetime:
    """The clock of production."""
    return dt.datetime.now(dt.UTC)


@dataclass(frozen=True, kw_only=True)
class World:
    """The API, what is known of the cluster, and the clock."""

    api: Api
    cache: Cache
    settings: Settings
    instance: str
    insight: Insight
    ledger: Ledger
    registration: Callable[[], Registration | None]
    """Who answers for the metrics APIs, as the registrar saw it last."""
    now: Callable[[], dt.datetime] = utc_now
