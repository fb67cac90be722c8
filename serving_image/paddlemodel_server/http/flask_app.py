"""The Flask application: a view for each route of clients. The only file that imports Flask.

In production `asgi_app` stands in front of it and answers the hot routes itself;
`tests/serving_image/http/test_parity.py` sends one table of requests through both.
"""

import logging
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from flask import Flask, Response, g, redirect, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, RequestEntityTooLarge
from werkzeug.routing import BaseConverter

from paddlemodel_server import protocol
from paddlemodel_server.describe.words import ENGLISH, LANGUAGES
from paddlemodel_server.errors import MethodNotAllowedError, NotFoundError, ServingError
from paddlemodel_server.metrics.catalog import OTHER
from paddlemodel_server.pipeline.context import Service
from paddlemodel_server.pipeline.inference import answer_from_thread, failure
from paddlemodel_server.pipeline.request_log import RequestRecord, named

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

logger = logging.getLogger(__name__)


class _Name(BaseConverter):
    """A model's name or version: `:` ends it, so that GET /v1/models/NAME:predict is a wrong method."""

    regex = "[^/:]+"


def create_app(service: Service) -> Flask:
    """Build the application around one HTTP worker's service."""
    app = Flask(__name__, static_folder=None)
    app.url_map.merge_slashes = False  # no redirects: a wrong path is a wrong path
    app.url_map.converters["default"] = _Name
    if prefix := service.settings.path_prefix:
        app.wsgi_app = _below(unquote(prefix), app.wsgi_app)  # type: ignore[assignment,method-assign]
    _add_routes(app, service)
    _add_errors(app, service.settings.admin_port)

    @app.before_request
    def begin() -> None:
        label = request.url_rule.endpoint if request.url_rule else OTHER
        g.record = RequestRecord(label, {name.lower(): value for name, value in request.headers})

    @app.after_request
    def count(response: Response) -> Response:
        if "Allow" in response.headers:
            response.headers["Allow"] = ", ".join(sorted(response.headers["Allow"].split(", ")))
        record: RequestRecord = g.record
        if record.is_told(response.status_code):
            response.headers["X-Request-Id"] = record.request_id
        if record.route in protocol.INFERENCE:
            service.request_log.end_from_thread(record, response.status_code)
        else:
            service.count(record.route, response.status_code, time.monotonic() - record.began)
        return response

    return app


def _below(prefix: str, app: "WSGIApplication") -> "WSGIApplication":
    """The application, which answers below a prefix as well; the prefix alone leads to its page."""

    def wrapped(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        below = path.removeprefix(prefix)
        if path == prefix:
            return redirect(f"{quote(prefix)}/", 308)(environ, start_response)
        if path != below and below.startswith("/"):
            environ["SCRIPT_NAME"], environ["PATH_INFO"] = prefix, below
        return app(environ, start_response)

    return wrapped


def _views(service: Service) -> dict[str, Callable[..., protocol.Response]]:
    """What answers each route of the table, by its label; called with the parts of the path."""
    served = service.served

    def infer(label: str) -> Callable[..., protocol.Response]:
        def view(name: str = served.name, version: str | None = None) -> protocol.Response:
            protocol.check_name(served, name, version)
            record: RequestRecord = g.record
            head = protocol.read_head(served, label, record.headers)
            return answer_from_thread(service, record, head, _body(service))

        return view

    return {
        protocol.PREDICT: infer(protocol.PREDICT),
        protocol.INFER: infer(protocol.INFER),
        protocol.V1: infer(protocol.V1),
        protocol.EMBEDDINGS: infer(protocol.EMBEDDINGS),
        "home": lambda: service.documents.home(
            html=_prefers_html(),
            host=request.headers.get("Host", "") + request.root_path,
            language=request.accept_languages.best_match(LANGUAGES, ENGLISH),
        ),
        "openapi": service.documents.openapi,
        "health": protocol.alive,
        "readiness": lambda: protocol.readiness(ready=service.ready),
        "server_metadata": protocol.server_metadata,
        "models": lambda: protocol.models(served),
        "model_metadata": lambda **model: protocol.model_metadata(served, **model),
        "model_readiness": lambda **model: protocol.model_readiness(served, **model, ready=service.ready),
    }


def _add_routes(app: Flask, service: Service) -> None:
    views = _views(service)

    def flask_view(view: Callable[..., protocol.Response]) -> Callable[..., Response]:
        return lambda **parts: _flask(view(**parts))

    flask_views = {label: flask_view(view) for label, view in views.items()}
    for route in protocol.routes_of(service.served):
        app.add_url_rule(route.rule, route.label, flask_views[route.label], methods=[route.method])


def _prefers_html() -> bool:
    """Browsers ask for HTML by name; everybody else gets JSON."""
    return request.accept_mimetypes.best_match(("application/json", "text/html")) == "text/html"


def _body(service: Service) -> bytes:
    """Read the body, but never more than is allowed."""
    limit = service.settings.max_request_bytes
    chunks, size = [], 0
    try:
        while size <= limit and (chunk := request.stream.read(min(65536, limit + 1 - size))):
            chunks.append(chunk)
            size += len(chunk)
    except RequestEntityTooLarge:
        size = limit + 1
    protocol.check_size(service.served, size)
    return b"".join(chunks)


def _add_errors(app: Flask, admin_port: int) -> None:
    moved = {route.rule for route in protocol.ADMIN_ROUTES}

    @app.errorhandler(MethodNotAllowed)
    def method_not_allowed(error: MethodNotAllowed) -> Response:
        allowed = ", ".join(sorted(error.valid_methods or ()))
        return _flask(protocol.fault(MethodNotAllowedError(request.method, allowed)))

    @app.errorhandler(404)
    def not_found(error: HTTPException) -> Response:  # noqa: ARG001 - Flask passes it
        sentence = protocol.NO_ROUTE
        if request.path in moved:
            sentence = f"{request.path} is on the admin port, {admin_port}, not on this one."
        return _flask(protocol.fault(NotFoundError(sentence)))

    @app.errorhandler(HTTPException)
    def refused(error: HTTPException) -> Response:
        return _flask(protocol.as_json({"error": error.name}, error.code or 500))

    @app.errorhandler(Exception)
    def failed(error: Exception) -> Response:
        record: RequestRecord = g.record
        if record.route not in protocol.INFERENCE and not isinstance(error, ServingError):
            logger.error("a request failed", extra=named(record.identity), exc_info=error)
        return _flask(failure(record, error))


def _flask(answer: protocol.Response) -> Response:
    return Response(answer.body, status=answer.status, headers=answer.headers)
