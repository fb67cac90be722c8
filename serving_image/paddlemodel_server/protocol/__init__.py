"""The HTTP protocol as pure functions: (route, headers, body) -> validated request; result -> answer.

Both doors use it: the Flask application for every route, the event loop for the hot ones. It knows no
framework, no socket and no clock. This file is the interface for the doors; `served` has what a task looks
like, and tasks build on `forms`, `content` and `tensors`.
"""

from paddlemodel_server.protocol.answers import (
    alive,
    fault,
    model_metadata,
    model_readiness,
    models,
    readiness,
    server_metadata,
)
from paddlemodel_server.protocol.content import joined
from paddlemodel_server.protocol.inference import (
    advance,
    check_size,
    is_heavy,
    parse,
    read_head,
    refusal,
    render,
)
from paddlemodel_server.protocol.request import (
    JSON,
    NPY,
    OCTETS,
    Array,
    Head,
    Headers,
    Request,
    Response,
    Wanted,
    as_json,
)
from paddlemodel_server.protocol.routes import (
    ADMIN_ROUTES,
    CLIENT_ROUTES,
    EMBEDDINGS,
    INFER,
    INFERENCE,
    NO_ROUTE,
    OF_TASKS,
    PREDICT,
    TABLE,
    V1,
    VERSION,
    Kind,
    Route,
    check_name,
    hot,
)
from paddlemodel_server.protocol.routes import of as routes_of
from paddlemodel_server.protocol.served import Served

__all__ = [
    "ADMIN_ROUTES",
    "CLIENT_ROUTES",
    "EMBEDDINGS",
    "INFER",
    "INFERENCE",
    "JSON",
    "NO_ROUTE",
    "NPY",
    "OCTETS",
    "OF_TASKS",
    "PREDICT",
    "TABLE",
    "V1",
    "VERSION",
    "Array",
    "Head",
    "Headers",
    "Kind",
    "Request",
    "Response",
    "Route",
    "Served",
    "Wanted",
    "advance",
    "alive",
    "as_json",
    "check_name",
    "check_size",
    "fault",
    "hot",
    "is_heavy",
    "joined",
    "model_metadata",
    "model_readiness",
    "models",
    "parse",
    "read_head",
    "readiness",
    "refusal",
    "render",
    "routes_of",
    "server_metadata",
]
