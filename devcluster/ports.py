"""Ports for servers that are started a moment later."""

import secrets
import socket
from pathlib import Path

LOWEST = 20_000
_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free(count: int) -> list[int]:
    """So many different ports that nobody listens on, of either family.

    Not those that the kernel gives away to connections: one of these could take the port before the server
    does, and a server that listens on all addresses would not start.
    """
    first = int(_RANGE.read_text().split()[0]) if _RANGE.exists() else 0
    lowest, most = (LOWEST, first) if first > LOWEST + count else (1024, 65_536)
    found: set[int] = set()
    while len(found) < count:
        port = lowest + secrets.randbelow(most - lowest)
        if _is_free(port):
            found.add(port)
    return sorted(found)


def _is_free(port: int) -> bool:
    families = (socket.AF_INET, socket.AF_INET6) if socket.has_dualstack_ipv6() else (socket.AF_INET,)
    return all(_binds(family, port) for family in families)


def _binds(family: int, port: int) -> bool:
    with socket.socket(family) as probe:
        if family == socket.AF_INET6:
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True
