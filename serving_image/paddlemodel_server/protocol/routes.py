"""Every route of the server in two tables, one for each port; the doors are built from them.

The label of a route is also the metrics' label and the name of the view in `flask_app`.
"""

from dataclasses import dataclass
from enum import Enum
from urllib.parse import unquote

from paddlemodel_server.errors import NotFoundError
from paddlemodel_server.protocol.served import Served

PREDICT, INFER, V1 = "predict", "infer", "v1"  # labels of the routes that run the model
EMBEDDINGS = "embeddings"  # another one: OpenAI's
INFERENCE = frozenset({PREDICT, INFER, V1, EMBEDDINGS})
OF_SOME_TASKS = frozenset({EMBEDDINGS})  # other tasks have no such route
OF_TASKS = OF_SOME_TASKS | {PREDICT}  # what they take and answer is the task's to say
NO_ROUTE = "There is no such route; /openapi.json has them all."
VERSION = "1"  # a server holds one version of its model, so it has this name


class Kind(Enum):
    """Who can answer a route."""

    INFERENCE = "inference"  # runs the model; hot
    LIVE = "live"  # needs nothing; hot
    READY = "ready"  # reads the scoreboard; hot
    METRICS = "metrics"  # takes two milliseconds, and more in a thread; hot, on the admin port only
    DOCUMENT = "document"  # only the Flask application


@dataclass(frozen=True)
class Route:
    """One method of one path; `<name>` and `<version>` stand for the model's."""

    method: str
    rule: str
    label: str
    kind: Kind = Kind.DOCUMENT

    def path(self, name: str) -> str:
        """The path for the model of this name."""
        return self.rule.replace("<name>", name).replace("<version>", VERSION)


CLIENT_ROUTES = (
    Route("GET", "/", "home"),
    Route("GET", "/openapi.json", "openapi"),
    Route("POST", "/predict", PREDICT, Kind.INFERENCE),
    Route("POST", "/v2/models/<name>/infer", INFER, Kind.INFERENCE),
    Route("POST", "/v2/models/<name>/versions/<version>/infer", INFER, Kind.INFERENCE),
    Route("POST", "/v1/models/<name>:predict", V1, Kind.INFERENCE),
    Route("POST", "/v1/embeddings", EMBEDDINGS, Kind.INFERENCE),
    Route("GET", "/v2/health/live", "health", Kind.LIVE),
    Route("GET", "/v2/health/ready", "readiness", Kind.READY),
    Route("GET", "/v2", "server_metadata"),
    Route("GET", "/v2/models", "models"),
    Route("GET", "/v2/models/<name>", "model_metadata"),
    Route("GET", "/v2/models/<name>/ready", "model_readiness"),
    Route("GET", "/v2/models/<name>/versions/<version>", "model_metadata"),
    Route("GET", "/v2/models/<name>/versions/<version>/ready", "model_readiness"),
    Route("GET", "/v1/models", "models"),
    Route("GET", "/v1/models/<name>", "model_readiness"),
)
ADMIN_ROUTES = (
    Route("GET", "/healthz", "health", Kind.LIVE),
    Route("GET", "/readyz", "readiness", Kind.READY),
    Route("GET", "/metrics", "metrics", Kind.METRICS),
)
TABLE = (*CLIENT_ROUTES, *ADMIN_ROUTES)


def hot(name: str, prefix: str = "") -> dict[str, Route]:
    """Clients' routes that need no thread, by the path they have for the model of this name.

    Args:
        name: the model's.
        prefix: clients may put it before each path, percent-encoded; empty for none.
    """
    routes = [route for route in CLIENT_ROUTES if route.kind is not Kind.DOCUMENT]
    return {before + route.path(name): route for before in {"", unquote(prefix)} for route in routes}


def of(served: Served) -> list[Route]:
    """The clients' routes that this server has."""
    missing = OF_SOME_TASKS.difference(served.task.routes)
    return [route for route in CLIENT_ROUTES if route.label not in missing]


def check_route(served: Served, label: str) -> None:
    """Refuse a route of another task."""
    if label in OF_SOME_TASKS and label not in served.task.routes:
        raise NotFoundError(NO_ROUTE)


def check_name(served: Served, name: str, version: str | None = None) -> None:
    """Refuse the name of another model, or another version."""
    if name != served.name:
        raise NotFoundError(f"There is no model of that name here; this server has {served.name}.")
    if version not in {None, VERSION}:
        raise NotFoundError(f"There is no such version of {name} here; the only one is {VERSION}.")
