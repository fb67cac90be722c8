"""Puts a loaded and warmed up model through the gate, and logs what was found."""

import logging
import time

from paddlemodel_server.engine.warmup import Prepared
from paddlemodel_server.model.signature import Model
from paddlemodel_server.protocol.served import WarmUp
from paddlemodel_server.verification import gate
from paddlemodel_server.verification.rules import Rules

_LOG = logging.getLogger(__name__)


def verify(rules: Rules, model: Model, prepared: Prepared, task: WarmUp) -> None:
    """Repeat the recorded requests.

    Raises:
        StartError: the model must not serve.
    """
    rows = max(prepared.sizes, default=1)
    candidate = gate.Candidate(model=model, predictor=prepared.predictor, rows=rows, ragged=task.ragged)
    began = time.monotonic()
    report = gate.verify(candidate, rules, time.monotonic)
    found: dict[str, object] = {
        "recording": rules.where,
        "requests": report.requests,
        "agreed": report.agreed,
        "seconds": round(time.monotonic() - began, 3),
    }
    if report.worst:
        request, how, one = report.worst
        found["worst"] = f"request {request}, run {how}, output {one.output}: {one.fault}{one.example}"
    _LOG.info("verified", extra=found)
