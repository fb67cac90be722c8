"""The admin port: health for the kubelet and metrics for whatever reads them; clients have the other port.

`worker` listens there beside the clients' port. It is answered wholly on the event loop, without Flask and
its threads, and has a limit of connections of its own: nothing that clients do takes its place.
"""

import time
from typing import Final

from paddlemodel_server import protocol
from paddlemodel_server.errors import MethodNotAllowedError, NotFoundError
from paddlemodel_server.http.asgi_app import AsgiApp, Receive, Scope, Send, reply
from paddlemodel_server.metrics.catalog import OTHER

METHODS: Final = ("GET", "HEAD")


class AdminApp:
    """The ASGI application of the admin port."""

    def __init__(self, asgi_app: AsgiApp, client_port: int) -> None:
        self._asgi_app = asgi_app
        self._routes = {route.rule: route for route in protocol.ADMIN_ROUTES}
        *most, last = self._routes
        self._elsewhere = (
            f"The admin port has {', '.join(most)} and {last}; everything else is on port {client_port}."
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - bodies mean nothing here
        """Answer one request for health or metrics; any other path is a 404 that names the clients' port."""
        began = time.perf_counter()
        route, method = self._routes.get(scope["path"]), scope["method"]
        label = OTHER
        if route is None:
            response = protocol.fault(NotFoundError(self._elsewhere))
        elif method not in METHODS:
            response = protocol.fault(MethodNotAllowedError(method, ", ".join(METHODS)))
        else:
            label, response = route.label, self._asgi_app.answer(route.kind, scope)
        self._asgi_app.service.metrics.answered(label, response.status, time.perf_counter() - began)
        await reply(send, response, scope)
