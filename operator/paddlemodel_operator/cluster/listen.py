"""Opens a listening socket: `[::]` serves both address families, or IPv4 alone on a kernel without IPv6.

The operator's endpoint and the metrics adapter listen on `[::]` by default, so that clusters of either
family, and of both, need no setting.
"""

import logging
import socket
from typing import Final

log = logging.getLogger(__name__)

ANY_IPV6: Final = "::"
ANY_IPV4: Final = "0.0.0.0"  # noqa: S104 - a pod serves its whole network
BACKLOG: Final = 128


def listener(bind: str) -> socket.socket:
    """A non-blocking socket that listens on `HOST:PORT`; an IPv6 address stands in brackets.

    Raises:
        OSError: the address is taken, or not of this host.
    """
    host, _, port = bind.rpartition(":")
    result = _open(host.strip("[]"), int(port))
    result.setblocking(False)
    return result


def _open(host: str, port: int) -> socket.socket:
    if host == ANY_IPV6:
        if socket.has_dualstack_ipv6():
            return socket.create_server(
                (host, port), family=socket.AF_INET6, backlog=BACKLOG, dualstack_ipv6=True
            )
        log.info("This kernel has no IPv6: listening on IPv4 alone.")
        host = ANY_IPV4
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)
