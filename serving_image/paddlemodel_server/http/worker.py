"""gunicorn's uvicorn worker, on two ports, with connections of our own: see `connection` and `admin`."""

import asyncio
import logging
import sys
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from gunicorn.arbiter import Arbiter  # type: ignore[import-untyped]  # it has no types
from uvicorn.config import Config
from uvicorn.server import Server
from uvicorn_worker import UvicornWorker  # type: ignore[import-untyped]  # it has no types

from paddlemodel_server import protocol
from paddlemodel_server.access import certificate
from paddlemodel_server.access import gate as gates
from paddlemodel_server.http import timeouts
from paddlemodel_server.http.admin import AdminApp
from paddlemodel_server.http.asgi_app import AsgiApp
from paddlemodel_server.http.connection import ClientConnection, Shared
from paddlemodel_server.http.head_cache import HeadCache
from paddlemodel_server.http.inference_cycle import BodyBudget, InferenceCycle
from paddlemodel_server.http.protected.connection import ProtectedConnection, Protection
from paddlemodel_server.http.protected.cors import CorsApp
from paddlemodel_server.ipc.process_context import ProcessContext, die_with_parent
from paddlemodel_server.ipc.scoreboard import Scoreboard
from paddlemodel_server.settings import Settings

if TYPE_CHECKING:
    from paddlemodel_server.access.shared.exchange import Exchange
    from paddlemodel_server.http.mirrored.cycle import Mirroring

ADMIN_CONNECTIONS: Final = 64  # of each HTTP worker; they are among timeouts.SPARE_DESCRIPTORS


@dataclass(frozen=True)
class Ports:
    """What the connections to each port go by."""

    clients: Shared
    admin: Shared
    gate: gates.Gate | None = None  # of the clients' port
    protection: Protection | None = None  # of its connections, where not everybody may ask
    mirroring: "Mirroring | None" = None  # makes their cycles, where PADDLEMODEL_MIRROR is set


def ports(settings: Settings, runtime: ProcessContext, asgi_app: AsgiApp, scoreboard: Scoreboard) -> Ports:
    """What the connections of every HTTP worker go by, made before the fork; may raise a StartError."""
    gate = gates.of(settings, runtime.access_fds, lambda: scoreboard.http_workers_desired == 1)
    mirroring = _mirroring(settings)
    cors = gate.cors if gate is not None else None
    clients = Shared(
        asgi_app=asgi_app,
        app=asgi_app if cors is None else CorsApp(asgi_app, cors),
        inference=asgi_app.inference,
        scoreboard=scoreboard,
        limits=timeouts.Limits(settings.head_timeout_seconds, settings.body_timeout_seconds),
        connection_limit=timeouts.ConnectionLimit(timeouts.most_connections(settings.max_connections)),
        bodies=BodyBudget(runtime.sizes.body_bytes),
        cycle=mirroring or InferenceCycle,
    )
    admin = replace(
        clients,
        app=AdminApp(asgi_app, settings.port),
        inference={},
        cycle=InferenceCycle,
        connection_limit=timeouts.ConnectionLimit(ADMIN_CONNECTIONS),
        head_cache=HeadCache(),
    )
    asks = gate is not None and (gate.identification or gate.limiter or gate.cors)
    protection = Protection.of(gate, asgi_app.hot) if gate and asks else None
    if protection and mirroring:
        protection = replace(protection, is_mirrored=mirroring.is_mirrored, asks_who=mirroring.asks_who)
    return Ports(clients, admin, gate, protection, mirroring)


def _mirroring(settings: Settings) -> "Mirroring | None":
    if not settings.mirror:
        return None
    from paddlemodel_server.http.mirrored import cycle  # noqa: PLC0415 - 0.1 s, which other servers need not pay
    from paddlemodel_server.mirror import wanted  # noqa: PLC0415
    from paddlemodel_server.mirror.mirror import Options  # noqa: PLC0415

    found, tls_dir = wanted.read(settings.mirror), settings.tls_dir
    routes = protocol.hot(settings.name)
    options = Options(
        token=found.token,
        paths={route.label: path for path, route in reversed(routes.items())},
        seconds=settings.timeout_seconds,
        most_bytes=2 * settings.max_request_bytes,
        certificate=partial(_own, tls_dir) if found.target is not None and found.target.tls else None,
    )
    return cycle.Mirroring(found.target, options)


def _own(tls_dir: Path | None) -> bytes:
    """The certificate that a canary has to show; where this version has none, no canary's is good enough."""
    return certificate.shown(tls_dir) if tls_dir is not None else b""


class TwoPorts(Server):
    """uvicorn's server, which speaks with clients on the first socket and with the cluster on the second."""

    def __init__(self, config: Config, ports: Ports) -> None:
        super().__init__(config)
        self._ports = ports

    async def startup(self, sockets: list[Any] | None = None) -> None:
        """Listen on the admin port last: whom it calls ready has the other one open."""
        assert sockets, "`master` makes both sockets"  # noqa: S101 - our own mistake
        clients, admin = sockets
        await super().startup(sockets=[])
        gate, limits = self._ports.gate, self._ports.clients.limits
        options: dict[str, Any] = {}
        if gate is not None and gate.certificate is not None:
            options = {
                "ssl": gate.certificate.context,
                "ssl_handshake_timeout": limits.head_seconds,
                "ssl_shutdown_timeout": timeouts.LINGER_SECONDS,
            }
        for secret in (gate.identification, gate.certificate) if gate is not None else ():
            if secret is not None:
                secret.watch(asyncio.get_running_loop())
        if exchange := self._exchange():
            exchange.start()
        await self._listen(clients, self.config.http_protocol_class, **options)
        await self._listen(admin, partial(ClientConnection, self._ports.admin))

    async def shutdown(self, sockets: list[Any] | None = None) -> None:
        """Mirror no more, and let the connections end."""
        if self._ports.mirroring is not None:
            self._ports.mirroring.close()
        await super().shutdown(sockets)
        if exchange := self._exchange():
            await exchange.stop()

    def _exchange(self) -> "Exchange | None":
        """Where pods count together."""
        gate = self._ports.gate
        return gate.limiter.exchange if gate is not None and gate.limiter is not None else None

    async def _listen(self, where: Any, made: Any, **options: Any) -> None:
        connection = partial(
            made, config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        backlog, loop = self.config.backlog, asyncio.get_running_loop()
        self.servers.append(await loop.create_server(connection, sock=where, backlog=backlog, **options))


class HttpWorker(UvicornWorker):  # type: ignore[misc]  # it has no types
    """An HTTP worker that ends with its parent; `worker_class` tells it what its connections go by."""

    ports: ClassVar[Ports]
    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {
        "loop": "uvloop",
        "ws": "none",
        "lifespan": "on",
        "access_log": False,
        "server_header": False,
        "proxy_headers": False,
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        errors = logging.getLogger("uvicorn.error")  # it warns of every malformed request: the metrics tell
        errors.propagate = True
        errors.setLevel(logging.DEBUG if logging.getLogger().level == logging.DEBUG else logging.ERROR)

    def init_process(self) -> None:
        """After the fork; uvicorn's worker does the rest and does not return."""
        die_with_parent(self.ppid)
        super().init_process()

    async def _serve(self) -> None:
        """As uvicorn's worker does, with our server."""
        self.config.app = self.wsgi
        server = TwoPorts(self.config, self.ports)
        self._install_sigquit_handler()
        await server.serve(sockets=self.sockets)
        if not server.started:
            sys.exit(Arbiter.WORKER_BOOT_ERROR)


def worker_class(ports: Ports) -> type[HttpWorker]:
    """The class for gunicorn, which makes its workers itself and tells them nothing of ours."""
    made: Any = partial(ClientConnection, ports.clients)
    if ports.protection:
        made = partial(ProtectedConnection, ports.protection, ports.clients)
    options = HttpWorker.CONFIG_KWARGS | {"http": made}
    return type(HttpWorker.__name__, (HttpWorker,), {"CONFIG_KWARGS": options, "ports": ports})
