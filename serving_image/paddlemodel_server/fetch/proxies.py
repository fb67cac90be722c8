"""Which proxy an address is asked through, if any: the variables as curl and Go's programs read them. Pure.

HTTP_PROXY, HTTPS_PROXY and ALL_PROXY name proxies, also in lower case, which wins. NO_PROXY lists what is
asked directly, with commas or spaces between: `*` for all; a name, for itself and everything below it (with
or without a leading dot, or `*.`); an IP address; a CIDR. `:port` behind a name or address limits it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import unquote, urlsplit

from paddlemodel_server.errors import StartError

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, kw_only=True)
class Proxy:
    """A proxy, and the variable that names it."""

    url: str  # without user and password
    login: str | None  # user:password
    variable: str

    @property
    def shown(self) -> str:
        """For log lines and errors: host and variable, without the password that the URL may hold."""
        return f"the proxy {urlsplit(self.url).netloc} ({self.variable})"


def proxy_for(uri: str, environ: Mapping[str, str]) -> Proxy | None:
    """The proxy through which an http(s) address is asked; None: directly.

    Raises:
        StartError: `InvalidProxy`.
    """
    parts = urlsplit(uri)
    found = _variable(f"{parts.scheme}_proxy", environ) or _variable("all_proxy", environ)
    if found is None:
        return None
    listed = _variable("no_proxy", environ)
    if listed and is_direct(parts.hostname or "", parts.port or _PORTS[parts.scheme], listed[1]):
        return None
    return _parsed(*found)


def _variable(name: str, environ: Mapping[str, str]) -> tuple[str, str] | None:
    for written in (name, name.upper()):
        if written in environ:
            return (written, environ[written]) if environ[written].strip() else None
    return None


def _parsed(variable: str, value: str) -> Proxy:
    text = value.strip()
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        port = parts.port
    except ValueError as error:
        raise _invalid(variable) from error
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise _invalid(variable)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    login = f"{unquote(parts.username)}:{unquote(parts.password or '')}" if parts.username else None
    return Proxy(url=f"{parts.scheme}://{host}:{port or 80}", login=login, variable=variable)


def _invalid(variable: str) -> StartError:
    return StartError("InvalidProxy", f"{variable} names no proxy that can be used; write http://HOST:PORT.")


def is_direct(host: str, port: int, listed: str) -> bool:
    """Whether NO_PROXY says that a host is asked directly.

    Args:
        host: a name or an IP address, the latter without brackets.
        port: where it is asked.
        listed: the value of NO_PROXY.
    """
    host = host.lower().rstrip(".")
    return any(_names(entry, host, port) for entry in re.split(r"[,\s]+", listed.lower()) if entry)


def _names(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    address = _address(host)
    if "/" in entry:
        return address is not None and _in_network(address, entry)
    entry, wanted = _split(entry)
    if wanted not in {None, port}:
        return False
    if address is not None:
        return _address(entry) == address
    name = entry.removeprefix("*").strip(".")
    return bool(name) and (host == name or host.endswith(f".{name}"))


def _split(entry: str) -> tuple[str, int | None]:
    """A name or address, without brackets, and the port behind it."""
    found = re.fullmatch(r"\[(.*)\](?::(\d+))?|([^:]*):(\d+)", entry)
    if not found:
        return entry, None  # a name, IPv4, or bare IPv6
    port = found[2] or found[4]
    return found[1] if found[1] is not None else found[3], int(port) if port else None


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def _in_network(address: IPv4Address | IPv6Address, text: str) -> bool:
    try:
        return address in ip_network(text, strict=False)
    except ValueError:
        return False
