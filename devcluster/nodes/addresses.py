"""The addresses of a cluster, in one of the two IP families: of its nodes, pods and Services; pure."""

import ipaddress
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """The ranges, in CIDR notation.

    Attributes:
        nodes: Of the bridge that the nodes are tied to.
        pods: Of all pods.
        pods_of_a_node: The prefix length of the part of `pods` that one node has.
        services: Of ClusterIPs.
    """

    nodes: str
    pods: str
    pods_of_a_node: int
    services: str

    @property
    def version(self) -> int:
        """4 or 6."""
        return ipaddress.ip_network(self.nodes).version

    @property
    def everywhere(self) -> str:
        """The destination of a default route."""
        return "0.0.0.0/0" if self.version == 4 else "::/0"

    @property
    def api_service(self) -> str:
        """The ClusterIP of `kubernetes`: the first of the range."""
        return str(ipaddress.ip_network(self.services)[1])

    @property
    def prefix(self) -> int:
        """The length of `nodes`."""
        return ipaddress.ip_network(self.nodes).prefixlen

    def node(self, number: int) -> str:
        """The address of a node; they count from 1."""
        return str(ipaddress.ip_network(self.nodes)[number])

    def pods_of(self, number: int) -> str:
        """The range of a node's pods."""
        whole = ipaddress.ip_network(self.pods)
        size: int = 1 << (whole.max_prefixlen - self.pods_of_a_node)
        first = whole.network_address + (number - 1) * size
        return f"{first}/{self.pods_of_a_node}"


IPV4 = Addresses(nodes="10.250.0.0/24", pods="10.244.0.0/16", pods_of_a_node=24, services="10.96.0.0/16")
#: The same, in the range for private use; Kubernetes takes no larger range of Services than a /108.
IPV6 = Addresses(
    nodes="fd00:10:250::/64", pods="fd00:10:244::/48", pods_of_a_node=64, services="fd00:10:96::/112"
)


def in_url(address: str) -> str:
    """An address as URLs have it: IPv6 in brackets."""
    return f"[{address}]" if ":" in address else address
