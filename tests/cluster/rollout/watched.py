"""What canaries did, as `status.rollout` tells it: weight, errors, agreement; and what was done to the model.

Written down while a test edits the model; `plot.py` draws it.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from paddlemodel_operator.base import names

from tests.cluster.recording import Sampler


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One moment.

    Attributes:
        at: seconds since the recording began.
        phase: of the rollout; empty while nothing is tried out.
        weight: percent of the requests that the canary is to get.
        errors: percent of its requests since the step began; None before there is one.
        agreement: percent of what the mirror has compared; None before there is one.
    """

    at: float
    phase: str = ""
    weight: int = 0
    errors: float | None = None
    agreement: float | None = None

    @classmethod
    def of(cls, at: float, rollout: Mapping[str, Any]) -> "Sample":
        """What a status says."""
        phase, canary = rollout.get("phase", ""), rollout.get("canary", {})
        found = rollout.get("agreement", {})
        judged = bool(phase) and phase != "Aborted"
        return cls(
            at=at,
            phase=phase,
            weight=rollout.get("weight", 0),
            errors=_percent(canary.get("errors", 0), canary.get("requests", 0)) if judged else None,
            agreement=_percent(found.get("agreed", 0), found.get("compared", 0)) if judged else None,
        )


def _percent(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 2) if whole else None


@dataclass(kw_only=True)
class Recording:
    """All moments, and what was done at some of them."""

    samples: list[Sample] = field(default_factory=list)
    marks: list[tuple[float, str]] = field(default_factory=list)

    def write(self, path: Path) -> None:
        """Save as JSON, without what repeats the moment before."""
        pairs = zip(self.samples, [None, *self.samples], strict=False)
        kept = [asdict(now) for now, before in pairs if before is None or _differs(now, before)]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"samples": kept, "marks": self.marks}, indent=1) + "\n")

    @classmethod
    def read(cls, path: Path) -> "Recording":
        """Load what `write` saved."""
        content = json.loads(path.read_text())
        samples = [Sample(**one) for one in content["samples"]]
        return cls(samples=samples, marks=[(at, text) for at, text in content["marks"]])


def _differs(now: Sample, before: Sample) -> bool:
    return {**asdict(now), "at": 0} != {**asdict(before), "at": 0}


class Watcher(Sampler):
    """Of a model's rollouts."""

    def __init__(self, kubeconfig: Path, namespace: str, model: str) -> None:
        self.recording = Recording()
        super().__init__(kubeconfig, self.recording.marks)
        self._key = namespace, model

    def _look(self) -> None:
        status = self._cluster.need(names.MODEL, *self._key).get("status", {})
        self.recording.samples.append(Sample.of(self._now(), status.get("rollout", {})))
