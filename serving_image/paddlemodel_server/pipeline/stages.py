"""A request whose answer takes several models, one after the other: the task says what runs next.

All stages have one place in the queue and one deadline. What the task makes of outputs, it makes in a thread.
"""

import asyncio
import time
from typing import Any

from paddlemodel_server import protocol
from paddlemodel_server.errors import InputRefusedError, ModelFailedError, ServingError
from paddlemodel_server.metrics import catalog
from paddlemodel_server.metrics.tracing import Stage
from paddlemodel_server.pipeline.inference import Inference
from paddlemodel_server.pipeline.pending import Outcome
from paddlemodel_server.protocol.task.stages import StageRequest

BETWEEN = catalog.FURTHER_STAGES[-1]  # what the task does between two stages


class Staged(Inference):
    """A request of a task that has stages, or one of tensors to the first of its models."""

    _began = 0.0  # of the stage, in monotonic seconds

    def _submit(self, request: protocol.Request) -> None:
        if isinstance(request, StageRequest):
            self._began = time.monotonic()
            self._hold(request.held)
        super()._submit(request)

    def _settled(self, outcome: Outcome) -> None:
        request, record, pending = self._request, self._record, self._pending
        if not isinstance(request, StageRequest):
            super()._settled(outcome)
            return
        self._note(request.stage, self._began)
        if isinstance(outcome, InputRefusedError) and request.model:
            outcome = ModelFailedError()  # it was not the client that made this input
        if isinstance(outcome, ServingError):
            super()._settled(outcome)
            return
        if pending:
            record.worker = pending.worker
        self._pending = None
        record.settled = time.monotonic()
        arguments = self._context.served, record.route, request, outcome
        try:
            self._in_thread(self._advanced, protocol.advance, *arguments)
        except Exception as error:  # noqa: BLE001 - the outermost layer: everything becomes an answer
            self._fail(error)

    def _advanced(self, future: "asyncio.Future[Any]") -> None:
        if not self._done:
            return
        try:
            found = future.result()
            if isinstance(found, protocol.Response):
                self._leave()
                self._encoded(found)
            else:
                self._go_on(found)
        except Exception as error:  # noqa: BLE001 - the outermost layer
            self._fail(error)

    def _go_on(self, request: StageRequest) -> None:
        self._note(BETWEEN, self._record.settled)
        self._began = time.monotonic()
        self._request = request
        self._submit_parts(
            request.parts or [], reduced=request.reduced, model=request.model, kept=request.held
        )

    def _note(self, name: str, began: float) -> None:
        """A stage is over."""
        now = time.monotonic()
        self._context.metrics.further[name].observe(now - began)
        self._record.further = (*self._record.further, Stage(name, began, now))
