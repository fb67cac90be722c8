"""The Flask application: the complete HTTP surface, route by route. The only file that imports Flask.

In production `lane` stands in front of it and answers the hot routes itself;
`tests/serving_image/test_parity.py` sends one table of requests through both.
"""

import time

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, RequestEntityTooLarge

from paddlemodel_server import metrics, protocol
from paddlemodel_server.errors import MethodNotAllowedError, NotFoundError
from paddlemodel_server.service import Service, failure


def create_app(service: Service) -> Flask:
    """Build the application around one front's service."""
    app = Flask(__name__, static_folder=None)
    app.url_map.merge_slashes = False  # no redirects: a wrong path is a wrong path
    _add_health(app, service)
    _add_inference(app, service)
    _add_errors(app)

    @app.before_request
    def begin() -> None:
        g.began = time.perf_counter()

    @app.after_request
    def count(response: Response) -> Response:
        if "Allow" in response.headers:
            response.headers["Allow"] = ", ".join(sorted(response.headers["Allow"].split(", ")))
        route = request.url_rule.endpoint if request.url_rule else "other"
        service.metrics.answered(route, response.status_code, time.perf_counter() - g.began)
        return response

    return app


def _add_health(app: Flask, service: Service) -> None:
    served = service.served

    @app.get("/healthz")
    @app.get("/v2/health/live")
    def health() -> Response:
        return _flask(protocol.alive())

    @app.get("/readyz")
    @app.get("/v2/health/ready")
    def readiness() -> Response:
        return _flask(protocol.readiness(ready=service.ready))

    @app.get("/metrics", endpoint="metrics")
    def scrape() -> Response:
        return _flask(protocol.Response(body=service.page.render(), content_type=metrics.CONTENT_TYPE))

    @app.get("/v2")
    def server_metadata() -> Response:
        return _flask(protocol.server_metadata())

    @app.get("/v2/models/<name>")
    def model_metadata(name: str) -> Response:
        return _flask(protocol.model_metadata(served, name))

    @app.get("/v2/models/<name>/ready")
    def model_readiness(name: str) -> Response:
        return _flask(protocol.model_readiness(served, name, ready=service.ready))


def _add_inference(app: Flask, service: Service) -> None:
    def answer(route: str) -> Response:
        headers = {name.lower(): value for name, value in request.headers}
        protocol.check_head(service.served, route, headers)
        return _flask(service.answer_from_thread(route, _body(service)))

    @app.post("/predict")
    def predict() -> Response:
        return answer(protocol.PREDICT)

    @app.post("/v2/models/<name>/infer")
    def infer(name: str) -> Response:
        protocol.check_name(service.served, name)
        return answer(protocol.INFER)


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


def _add_errors(app: Flask) -> None:
    @app.errorhandler(MethodNotAllowed)
    def method_not_allowed(error: MethodNotAllowed) -> Response:
        allowed = ", ".join(sorted(error.valid_methods or ()))
        return _flask(protocol.fault(MethodNotAllowedError(request.method, allowed)))

    @app.errorhandler(404)
    def not_found(error: HTTPException) -> Response:  # noqa: ARG001 - Flask passes it
        return _flask(
            protocol.fault(
                NotFoundError("There is no such route; the routes are in GET /v2, /predict, /metrics.")
            )
        )

    @app.errorhandler(HTTPException)
    def refused(error: HTTPException) -> Response:
        return _flask(protocol.as_json({"error": error.name}, error.code or 500))

    @app.errorhandler(Exception)
    def failed(error: Exception) -> Response:
        return _flask(failure(error))


def _flask(answer: protocol.Response) -> Response:
    return Response(answer.body, status=answer.status, headers=answer.headers)
