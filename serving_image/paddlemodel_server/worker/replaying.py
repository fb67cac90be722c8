"""Answers requests to the task in the worker itself, as it and the HTTP workers do together.

Only the gate asks so, before the server is ready: with the same code and the same models, but without queues,
shared memory and connections, so that it needs no key.
"""

from collections.abc import Sequence
from typing import Any

import orjson

from paddlemodel_server import protocol
from paddlemodel_server.errors import StartError
from paddlemodel_server.ipc.process_context import ProcessContext
from paddlemodel_server.protocol.task.stages import StageRequest
from paddlemodel_server.settings import Settings
from paddlemodel_server.worker.ready import Loaded
from paddlemodel_server.worker.runner import Runner


class Replayed:
    """The task and its models, one request at a time."""

    def __init__(self, served: protocol.Served, runners: Sequence[Runner]) -> None:
        """Note them; the models are by their numbers."""
        self._served, self._runners = served, runners
        self.rows = max(runner.cap for runner in runners)

    def answer(self, media: str, body: bytes, *, full: bool) -> Any:
        """The answer to `POST /predict`; see `verification.gate.Answering`."""
        headers = {"content-type": media, "content-length": str(len(body))}
        head = protocol.read_head(self._served, protocol.PREDICT, headers)
        protocol.check_size(self._served, len(body))
        found: protocol.Request | protocol.Response = protocol.parse(self._served, head, body)
        while not isinstance(found, protocol.Response):
            outputs = self._outputs(found, full=full)
            step = protocol.advance if isinstance(found, StageRequest) else protocol.render
            found = step(self._served, protocol.PREDICT, found, outputs)  # type: ignore[arg-type]  # as `step` was chosen
        return orjson.loads(found.body)

    def _outputs(self, request: protocol.Request, *, full: bool) -> list[protocol.Array]:
        """Those of all parts, one behind the other."""
        runner = self._runners[request.model if isinstance(request, StageRequest) else 0]
        parts = [request.arrays] if request.parts is None else request.parts
        return [
            output for part in parts for output in runner.answer(part, reduced=request.reduced, full=full)
        ]


def replayed(settings: Settings, runtime: ProcessContext, loaded: Sequence[Loaded]) -> Replayed:
    """Fit the task to what was loaded.

    Raises:
        StartError: `RecordingInvalid`: its code does not run in a worker.
    """
    # 0.3 s and what tasks import, which no other worker needs.
    from paddlemodel_server.tasks import fitting, registry  # noqa: PLC0415
    from paddlemodel_server.tasks.custom.task import Custom  # noqa: PLC0415

    chosen = registry.Chosen.load(runtime.folder)
    if chosen.name == Custom.name:
        raise StartError(
            "RecordingInvalid",
            "spec.verification cannot repeat requests to spec.task.custom, whose code runs in another "
            "process: record the tensors that it makes.",
        )

    def found(one: Loaded) -> fitting.Warmed:
        return fitting.Warmed(lambda: one.prepared.scores, lambda: not one.prepared.sizes)

    names = ["", *(model.name for model in runtime.further)]
    warmed = {name: found(one) for name, one in zip(names, loaded, strict=True)}
    served = fitting.served(settings, chosen, runtime.sizes.body_bytes, warmed)
    served.task.load()
    return Replayed(served, [Runner(one.prepared, one.answers) for one in loaded])
