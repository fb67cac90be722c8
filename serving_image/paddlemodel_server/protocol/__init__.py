"""The HTTP protocol as pure functions: (route, headers, body) -> validated request; result -> answer.

Both doors use it: `app` for every route, `lane` for the hot ones. It knows no framework, no socket and no
clock. This file is its interface: the other files of the package are imported by nobody else.
"""

from paddlemodel_server.protocol.answers import (
    Response,
    alive,
    as_json,
    fault,
    model_metadata,
    model_readiness,
    models,
    readiness,
    server_metadata,
)
from paddlemodel_server.protocol.content import joined
from paddlemodel_server.protocol.inference import check_size, is_heavy, parse, read_head, refusal, render
from paddlemodel_server.protocol.request import (
    JSON,
    NPY,
    OCTETS,
    Array,
    Head,
    Headers,
    Request,
    Served,
    Wanted,
)
from paddlemodel_server.protocol.routes import (
    INFER,
    INFERENCE,
    PREDICT,
    TABLE,
    V1,
    VERSION,
    Kind,
    Route,
    check_name,
    hot,
)

__all__ = [
    "INFER",
    "INFERENCE",
    "JSON",
    "NPY",
    "OCTETS",
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
    "server_metadata",
]
