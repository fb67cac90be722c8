"""Where the HTTP workers listen: one socket for clients, one for the cluster, made before the fork.

`master` hands both to gunicorn. gunicorn could bind them itself, but leaves it to the kernel's setting
whether an IPv6 socket also takes IPv4, knows no way back to IPv4, and does not tell which port is taken.
"""

import errno
import socket
from typing import Final

from paddlemodel_server.errors import StartError
from paddlemodel_server.settings import Settings

ALL: Final = "::"  # all addresses, of both families
ALL_IPV4: Final = "0.0.0.0"  # noqa: S104 - what ALL means where the kernel has no IPv6
BACKLOG: Final = 2048
_NO_IPV6: Final = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


def listen(settings: Settings) -> tuple[socket.socket, socket.socket]:
    """The clients' socket and the admin port's, both listening.

    Raises:
        StartError: `CannotListen`, with the variable of the port.
    """
    clients = _listen(settings.bind, settings.port, "PADDLEMODEL_PORT")
    try:
        return clients, _listen(settings.bind, settings.admin_port, "PADDLEMODEL_ADMIN_PORT")
    except StartError:
        clients.close()
        raise


def _listen(address: str, port: int, variable: str) -> socket.socket:
    try:
        return _bound(address, port)
    except OSError as error:
        where = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
        cure = f"set {variable} to a free port and PADDLEMODEL_BIND to an address of this machine"
        raise StartError("CannotListen", f"The server cannot listen on {where}; {cure}.") from error


def _bound(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return socket.create_server(
            (address, port), family=family, backlog=BACKLOG, dualstack_ipv6=address == ALL
        )
    except OSError as error:
        if address == ALL and error.errno in _NO_IPV6:
            return _bound(ALL_IPV4, port)
        raise
