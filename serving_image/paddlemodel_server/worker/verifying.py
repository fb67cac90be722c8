"""Puts loaded and warmed up models through the gate, and logs what was found."""

import logging
import time
from collections.abc import Sequence
from functools import partial

from paddlemodel_server.ipc.process_context import ProcessContext
from paddlemodel_server.settings import Settings
from paddlemodel_server.verification import gate
from paddlemodel_server.verification.rules import Rules
from paddlemodel_server.worker.ready import Loaded
from paddlemodel_server.worker.replaying import replayed

_LOG = logging.getLogger(__name__)


def verify(rules: Rules, loaded: Sequence[Loaded], settings: Settings, runtime: ProcessContext) -> float:
    """Repeat the recorded requests; returns how many seconds that took.

    Args:
        rules: what the models have to show.
        loaded: all of them, by their numbers; requests of tensors are for the first.
        settings: of the server.
        runtime: where its processes meet.

    Raises:
        StartError: they must not serve.
    """
    first = loaded[0]
    candidate = gate.Candidate(
        model=first.model,
        predictor=first.prepared.predictor,
        task=partial(replayed, settings, runtime, loaded),
        rows=max(first.prepared.sizes, default=1),
        ragged=first.answers.ragged,
    )
    began = time.monotonic()
    report = gate.verify(candidate, rules, time.monotonic)
    seconds = time.monotonic() - began
    found: dict[str, object] = {
        "recording": rules.where,
        "requests": report.requests,
        "agreed": report.agreed,
        "seconds": round(seconds, 3),
    }
    if report.worst:
        request, how, one = report.worst
        found["worst"] = f"request {request}, run {how}, output {one.output}: {one.fault}{one.example}"
    _LOG.info("verified", extra=found)
    return seconds
