"""Whose address a request comes from, where proxies stand between: never what a client writes itself; pure.

A proxy appends the address from which it was asked to `X-Forwarded-For`. So only entries at the right are
true, as many as there are proxies of ours; what stands left of them a client may have sent.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

MOST: Final = 16  # networks
MOST_HOPS: Final = 10
FORWARDED_FOR: Final = "x-forwarded-for"
FORM: Final = (
    f"a number of proxies from 1 to {MOST_HOPS}, or at most {MOST} networks such as 10.0.0.0/8,fd00::/8"
)


@dataclass(frozen=True, kw_only=True)
class Proxies:
    """Who is believed: so many proxies, one behind the other, or those of some networks."""

    hops: int = 0
    networks: tuple[Network, ...] = ()

    def client(self, peer: str, forwarded: str | None) -> str:
        """The client's address, as a limit counts it.

        Args:
            peer: the address of the connection.
            forwarded: X-Forwarded-For, several of them joined by commas.
        """
        entries = [entry.strip() for entry in forwarded.split(",")] if forwarded else []
        if self.hops:
            found = entries[-self.hops] if len(entries) >= self.hops else peer
            return counted(found) or counted(peer)
        current = peer
        while entries and self._trusts(current):
            entry = entries.pop()
            if parsed(entry) is None:
                break  # who wrote it is known, what it means is not
            current = entry
        return counted(current)

    def _trusts(self, text: str) -> bool:
        address = parsed(text)
        return address is not None and any(address in network for network in self.networks)


def read(text: str) -> Proxies:
    """Read what `PADDLEMODEL_TRUSTED_PROXIES` says; raises ValueError for anything but FORM."""
    if re.fullmatch(r"[0-9]{1,2}", text):
        if not 1 <= int(text) <= MOST_HOPS:
            raise ValueError(text)
        return Proxies(hops=int(text))
    networks: Sequence[str] = text.split(",")
    if len(networks) > MOST:
        raise ValueError(text)
    return Proxies(networks=tuple(ip_network(network, strict=False) for network in networks))


def parsed(text: str) -> Address | None:
    """An address as proxies write it: also with a port, and IPv6 in brackets; None where it is none."""
    found = re.fullmatch(r"\[([^\]]+)\](?::[0-9]{1,5})?|([0-9.]+):[0-9]{1,5}", text)
    try:
        address = ip_address((found[1] or found[2]) if found else text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def counted(text: str) -> str:
    """An address as limits count it, an IPv6 one by its /64, of which one client has all; empty for none."""
    address = parsed(text)
    if isinstance(address, IPv6Address):
        return str(IPv6Network((int(address) >> 64 << 64, 64)).network_address)
    return "" if address is None else str(address)
