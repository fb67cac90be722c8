"""The HTTP server: each request is authorised, parsed and answered here, with aiohttp's low-level server.

There is no router: `query` alone decides what a path means, on the bytes that came, so nothing has been
decoded or normalised before it is checked.
"""

import logging
import time
from typing import Final

from aiohttp import web

from paddlemodel_operator.metrics_adapter import access, answer
from paddlemodel_operator.metrics_adapter.connections import Connections
from paddlemodel_operator.metrics_adapter.credentials import Credentials
from paddlemodel_operator.metrics_adapter.pods import Pods
from paddlemodel_operator.metrics_adapter.query import (
    VERSIONS,
    Group,
    Groups,
    Query,
    Refused,
    Resources,
    Values,
    parse,
)

log = logging.getLogger(__name__)

MAX_LINE_BYTES: Final = 8190
MAX_FIELD_BYTES: Final = 16 * 1024
"""The API server adds a header for each of a user's extra facts."""

MAX_FIELDS: Final = 256

_RESOURCES: Final = {version: answer.body(answer.resources(version)) for version in VERSIONS}
_GROUPS: Final = answer.body(answer.groups())
_GROUP: Final = answer.body(answer.group())
_DISCOVERY: Final = answer.body(answer.discovery())


class Server:
    """One per process; `connections` and `credentials` are set before the first connection."""

    connections: Connections
    credentials: Credentials

    def __init__(self, pods: Pods) -> None:
        self._pods = pods
        self.draining = False
        self.protocol = web.Server(
            self._handle,
            access_log=None,
            lingering_time=0,  # A body is not waited for; all other deadlines are those of the guard.
            max_line_size=MAX_LINE_BYTES,
            max_field_size=MAX_FIELD_BYTES,
            max_headers=MAX_FIELDS,
            auto_decompress=False,
        )

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """From a complete head to the last byte of the answer."""
        if request.transport is None:
            raise ConnectionResetError
        guard = self.connections.of(request.transport)
        guard.begin()
        try:
            response = await self._answer(request)
            if guard.retired or self.draining or request.body_exists:
                response.force_close()
            response.headers["Server"] = "metrics-adapter"  # instead of aiohttp's version
            # Written here, and not by aiohttp after this function, so that the guard knows when it is done.
            await response.prepare(request)
            await response.write_eof()
            return response
        finally:
            guard.end()

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        path = request.raw_path
        if path == "/healthz":
            return web.Response(text="ok\n")
        if path == "/readyz":
            return self._readiness()
        try:
            return await self._authorised(request)
        except Refused as refused:
            _log(request, refused)
            return _refusal(refused)
        except Exception as error:
            log.exception("A request failed", extra={"path": path[:256]})
            message = f"the metrics adapter failed: {type(error).__name__}"
            return _refusal(Refused(500, "InternalError", message))

    async def _authorised(self, request: web.BaseRequest) -> web.Response:
        certificate = request.get_extra_info("peercert")
        access.check(self.credentials.trust, certificate, time.time())
        if request.transport is not None:
            self.connections.verified(request.transport)
        if request.body_exists:
            raise Refused(413, "RequestEntityTooLarge", "a question for metrics has no body")
        query = parse(request.method, request.raw_path)
        kind = answer.media_type(request.headers.get("Accept", ""), aggregated=isinstance(query, Groups))
        if kind == answer.DISCOVERY:
            return _response(_DISCOVERY, kind=kind)
        return _response(await self._body(query))

    async def _body(self, query: Query) -> bytes:
        match query:
            case Groups():
                return _GROUPS
            case Group():
                return _GROUP
            case Resources(version=version):
                return _RESOURCES[version]
            case Values():
                samples = await self._pods.samples(query)
                return answer.body(answer.values(query.version, query.metric, samples))

    def _readiness(self) -> web.Response:
        complaints = [*self.credentials.complaints(), *(["the process is ending"] if self.draining else [])]
        if complaints:
            return web.Response(status=503, text="".join(f"{text}\n" for text in complaints))
        return web.Response(text="ok\n")


def _response(body: bytes, *, status: int = 200, kind: str = answer.JSON) -> web.Response:
    return web.Response(body=body, status=status, headers={"Content-Type": kind, "Cache-Control": "no-store"})


def _refusal(refused: Refused) -> web.Response:
    response = _response(answer.body(answer.status(refused)), status=refused.code)
    if refused.code == 401:
        response.force_close()
    if refused.code == 405:
        response.headers["Allow"] = "GET"
    return response


def _log(request: web.BaseRequest, refused: Refused) -> None:
    """Log a refusal: loudly where a client does what no API server does."""
    level = logging.WARNING if refused.code in {400, 401, 405, 413} else logging.DEBUG
    extra = {"code": refused.code, "path": request.raw_path[:256], "address": request.remote}
    log.log(level, "Refused: %s", refused.message, extra=extra)
