"""What pods have counted since a step began: the differences of their own counters. Pure.

A counter that fell belongs to a server that has started again; a pod that came during the step began at 0.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from paddlemodel_api import contract

from paddlemodel_operator.rollout.judgement import Agreement, Window

FAILED: Final = 500
"""The first status that is the server's fault."""
Series = tuple[str, Mapping[str, str], float]
"""Name, labels and value of one line of a page."""
Counters = dict[tuple[str, float], float]
"""Of one pod, by what is counted; of durations by the upper bound of the bucket as well."""

_REQUESTS: Final = ("requests", 0.0)
_ERRORS: Final = ("errors", 0.0)
_SECONDS: Final = ("seconds", 0.0)
_AGREED: Final = ("agree", 0.0)
_DIFFERED: Final = ("differ", 0.0)
_UNANSWERED: Final = ("error", 0.0)


def read_counters(page: Iterable[Series]) -> Counters:
    """What a pod's page says of requests that ran the model, and of mirrored ones."""
    found: Counters = {}
    for name, labels, value in page:
        for key in _keys(name, labels):
            found[key] = found.get(key, 0.0) + value
    return found


def _keys(name: str, labels: Mapping[str, str]) -> list[tuple[str, float]]:
    if name == contract.MIRROR_METRIC:
        result = (labels.get("result", ""), 0.0)
        return [result] if result in {_AGREED, _DIFFERED, _UNANSWERED} else []
    if labels.get("route") not in contract.MODEL_ROUTES:
        return []
    if name == contract.DURATIONS_METRIC:
        bound = _bound(labels.get("le", ""))
        return [] if bound is None else [("bucket", bound)]
    if name == contract.SECONDS_METRIC:
        return [_SECONDS]
    if name != contract.REQUESTS_METRIC:
        return []
    status = labels.get("status", "")
    failed = status.isdigit() and int(status) >= FAILED
    return [_REQUESTS, _ERRORS] if failed else [_REQUESTS]


def _bound(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if found > 0 else None


@dataclass(slots=True)
class Count:
    """The sum over the pods of one version."""

    present: frozenset[str]
    """Pods that were there when it began: what they had counted before is not of this time."""
    total: Counters = field(default_factory=dict)
    _last: dict[str, Counters] = field(default_factory=dict)

    def add(self, pod: str, now: Counters) -> None:
        """Take over what a pod has counted by now."""
        before = self._last.get(pod, now if pod in self.present else {})
        started_again = any(now.get(key, 0.0) < value for key, value in before.items())
        for key, value in now.items():
            more = value if started_again else value - before.get(key, 0.0)
            self.total[key] = self.total.get(key, 0.0) + more
        self._last[pod] = now

    @property
    def window(self) -> Window:
        """As the judge wants it."""
        buckets = sorted((key[1], int(count)) for key, count in self.total.items() if key[0] == "bucket")
        return Window(
            requests=self._of(_REQUESTS),
            errors=self._of(_ERRORS),
            buckets=tuple(buckets),
            seconds=self.total.get(_SECONDS, 0.0),
        )

    @property
    def agreement(self) -> Agreement:
        """What its pods have compared."""
        agreed = self._of(_AGREED)
        return Agreement(compared=agreed + self._of(_DIFFERED), agreed=agreed, failed=self._of(_UNANSWERED))

    def _of(self, key: tuple[str, float]) -> int:
        return int(self.total.get(key, 0))


@dataclass(frozen=True, kw_only=True, slots=True)
class Measurement:
    """What was counted since a step began, or why that is not known."""

    stable: Window
    canary: Window
    agreement: Agreement
    unmeasured: str = ""
    """Which pod did not tell its numbers the last time, in a sentence."""
