"""The address of an image: `oci://REGISTRY/REPOSITORY:TAG@sha256:DIGEST`. Pure."""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from paddlemodel_server.errors import StartError
from paddlemodel_server.fetch.sources.providers import checked_endpoint

_PART = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"  # of a repository's name, as the distribution-spec has it
_FORM = re.compile(
    r"oci://(?P<registry>[A-Za-z0-9._-]+(?::[0-9]+)?|\[[0-9A-Fa-f:.]+\](?::[0-9]+)?)"
    rf"/(?P<repository>{_PART}(?:/{_PART})*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?"
    r"(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
_DOCKER_HUB = {"docker.io", "index.docker.io", "registry-1.docker.io"}


@dataclass(frozen=True, kw_only=True)
class Reference:
    """What a URI names, and where it is asked for."""

    server: str  # http(s)://HOST:PORT, perhaps with a path
    registry: str  # what logins are kept by
    repository: str
    tag: str | None
    digest: str | None  # sha256:…; then the tag is for people

    @property
    def named(self) -> str:
        """The tag or digest as the registry is asked for it."""
        return self.digest or self.tag or "latest"

    @property
    def shown(self) -> str:
        """For people."""
        return f"{self.registry}/{self.repository}{'@' if self.digest else ':'}{self.named}"

    @property
    def base(self) -> str:
        """The address below which the repository's manifests and blobs are."""
        return f"{self.server}/v2/{self.repository}"


def read(uri: str, endpoint: str | None = None) -> Reference:
    """Read a URI.

    Args:
        uri: of the spec.
        endpoint: a mirror's address, whose http:// is meant; without it only loopback is asked without TLS.

    Raises:
        StartError: `InvalidUri`, `InvalidEndpoint`.
    """
    found = _FORM.fullmatch(uri)
    if not found:
        raise StartError(
            "InvalidUri",
            "The URI must be oci://REGISTRY/REPOSITORY:TAG@sha256:DIGEST, perhaps without the tag or the "
            "digest, and with small letters in the repository; correct it.",
        )
    registry, repository = found["registry"].lower(), found["repository"]
    server = f"{'http' if _is_loopback(urlsplit(f'//{registry}').hostname) else 'https'}://{registry}"
    if registry in _DOCKER_HUB:
        registry, server = "docker.io", "https://registry-1.docker.io"
        repository = repository if "/" in repository else f"library/{repository}"
    if mirror := checked_endpoint(endpoint):
        server = mirror.removesuffix("/v2")
        registry = urlsplit(server).netloc.lower()
    return Reference(
        server=server, registry=registry, repository=repository, tag=found["tag"], digest=found["digest"]
    )


def _is_loopback(host: str | None) -> bool:
    if host is None or host == "localhost":
        return host is not None
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
