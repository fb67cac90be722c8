"""Opens a listening socket: `[::]` serves both address families, or IPv4 alone where the kernel has no IPv6.

The operator's endpoint and the metrics adapter listen on `[::]` by default, so that clusters of either
family, and of both, need no setting.
"""

import errno
import logging
import socket
from typing import Final

log = logging.getLogger(__name__)

ANY_IPV6: Final = "::"
ANY_IPV4: Final = "0.0.0.0"  # noqa: S104 - a pod serves its whole network
NO_IPV6: Final = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT})


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
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    if host != ANY_IPV6:
        return socket.create_server((host, port), family=family, backlog=128)
    try:
        return socket.create_server((host, port), family=family, backlog=128, dualstack_ipv6=True)
    except (OSError, ValueError) as error:  # ValueError: Python was built without IPv6
        if isinstance(error, OSError) and error.errno not in NO_IPV6:
            raise
        log.info("This kernel has no IPv6: listening on IPv4 alone.")
        return socket.create_server((ANY_IPV4, port), family=socket.AF_INET, backlog=128)
