"""What anybody may know about this server: one set of facts for the page and for `GET /`; pure."""

from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Literal

from paddlemodel_server.model.signature import Tensor
from paddlemodel_server.protocol import Served

State = Literal["loading", "ready", "draining"]


@dataclass(frozen=True, kw_only=True)
class Now:
    """What changes while the server runs."""

    state: State
    digest: str | None  # None: not known yet
    paddle_version: str | None  # None before the first worker has loaded the model


def state(*, ready: bool, draining: bool) -> State:
    """One word; a server on its way out is draining, whatever its workers do."""
    return "draining" if draining else ("ready" if ready else "loading")


def facts(served: Served, device: str, now: Now) -> dict[str, Any]:
    """The JSON of `GET /`; its `status` is what KServe's V1 clients look for."""
    return {
        "status": "alive",
        "server": "paddlemodel-server",
        "version": version("paddlemodel-server"),
        "name": served.name,
        "state": now.state,
        "task": served.task.name,
        "task_source": served.source or "spec",
        "task_settings": [
            {"field": name, "value": value, "from": origin} for name, value, origin in served.settings
        ],
        "digest": now.digest,
        "format": served.model.format,
        "paddle_version": now.paddle_version,
        "device": device,
        "inputs": [_tensor(tensor) for tensor in served.model.inputs],
        "outputs": [_tensor(tensor) for tensor in served.model.outputs],
        "further_models": [
            {
                "name": name,
                "format": model.format,
                "inputs": [_tensor(tensor) for tensor in model.inputs],
                "outputs": [_tensor(tensor) for tensor in model.outputs],
            }
            for name, model in served.further
        ],
    }


def _tensor(tensor: Tensor) -> dict[str, Any]:
    return {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape)}
