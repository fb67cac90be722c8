"""An API server that has one Lease and no clock of its own, and a world of two candidates for it."""

import copy
import datetime as dt
from dataclasses import dataclass, field
from typing import Any, cast

from paddlemodel_operator.base import names
from paddlemodel_operator.base.errors import ApiError
from paddlemodel_operator.cluster.api import Api
from paddlemodel_operator.cluster.election import Election

Object = dict[str, Any]

LEASE = ("paddlemodel-system", "paddlemodel-operator")
SECONDS = 15
LONG_AGO = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@dataclass
class Server:
    """An API server with one Lease; each request takes `latency` seconds, half of them before it is done."""

    lease: Object | None = None
    time: float = 0.0
    latency: float = 0.0
    version: int = 0
    writes: int = 0
    fault: ApiError | None = None
    lost: bool = False
    """Writes are done, and their answers do not arrive."""

    def _pass(self) -> None:
        self.time += self.latency / 2
        if self.fault:
            raise self.fault

    def _answer(self) -> None:
        """Of a write."""
        self._pass()
        if self.lost:
            raise ApiError(0, "Unreachable", "")

    async def get(self, kind: names.Kind, namespace: str, name: str) -> Object | None:
        assert (kind, namespace, name) == (names.LEASE, *LEASE)
        self._pass()
        found = copy.deepcopy(self.lease)
        self._pass()
        return found

    async def create(self, _: names.Kind, desired: Object) -> Object | None:
        self._pass()
        found = None if self.lease else self.write(desired)
        self._answer()
        return found

    async def apply(self, _: names.Kind, desired: Object) -> Object:
        self._pass()
        seen = desired["metadata"]["resourceVersion"]
        if self.lease is None or self.lease["metadata"]["resourceVersion"] != seen:
            raise ApiError(409, "Conflict", "the object has been modified")
        found = self.write(desired)
        self._answer()
        return found

    async def __aexit__(self, *_: object) -> None:
        return None

    def write(self, desired: Object) -> Object:
        self.version += 1
        self.writes += 1
        self.lease = copy.deepcopy(desired)
        self.lease["metadata"]["resourceVersion"] = str(self.version)
        return copy.deepcopy(self.lease)

    @property
    def spec(self) -> Object:
        assert self.lease is not None
        found: Object = self.lease["spec"]
        return found


@dataclass
class World:
    """Some candidates before one server; their times of day differ by hours, their seconds do not."""

    server: Server = field(default_factory=Server)

    def candidate(self, name: str, skew: float = 0.0) -> Election:
        def clock() -> float:
            return 1000 * skew + self.server.time  # Each machine was started at another time.

        def now() -> dt.datetime:
            return LONG_AGO + dt.timedelta(seconds=self.server.time + 3600 * skew)

        return Election(cast("Api", self.server), LEASE, name, SECONDS, clock, now)
