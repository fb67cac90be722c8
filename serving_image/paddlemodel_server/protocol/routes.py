"""Every route of the server in one table; both doors are built from it.

The label of a route is also the metrics' label and the name of the view in `app`.
"""

from dataclasses import dataclass
from enum import Enum

from paddlemodel_server.errors import NotFoundError
from paddlemodel_server.protocol.request import Served

PREDICT, INFER = "predict", "infer"  # labels of the routes that run the model


class Kind(Enum):
    """Who can answer a route."""

    INFERENCE = "inference"  # runs the model; hot
    LIVE = "live"  # needs nothing; hot
    READY = "ready"  # looks at the board; hot
    DOCUMENT = "document"  # only the Flask application


@dataclass(frozen=True)
class Route:
    """One method of one path; `<name>` stands for the model's name."""

    method: str
    rule: str
    label: str
    kind: Kind = Kind.DOCUMENT


TABLE = (
    Route("GET", "/", "home"),
    Route("POST", "/predict", PREDICT, Kind.INFERENCE),
    Route("POST", "/v2/models/<name>/infer", INFER, Kind.INFERENCE),
    Route("GET", "/healthz", "health", Kind.LIVE),
    Route("GET", "/v2/health/live", "health", Kind.LIVE),
    Route("GET", "/readyz", "readiness", Kind.READY),
    Route("GET", "/v2/health/ready", "readiness", Kind.READY),
    Route("GET", "/metrics", "metrics"),
    Route("GET", "/v2", "server_metadata"),
    Route("GET", "/v2/models/<name>", "model_metadata"),
    Route("GET", "/v2/models/<name>/ready", "model_readiness"),
)


def hot(name: str) -> dict[str, Route]:
    """The routes that need no thread, by the path they have for the model of this name."""
    return {route.rule.replace("<name>", name): route for route in TABLE if route.kind is not Kind.DOCUMENT}


def check_name(served: Served, name: str) -> None:
    """Refuse the name of another model."""
    if name != served.name:
        raise NotFoundError(f"There is no model of that name here; this server has {served.name}.")
