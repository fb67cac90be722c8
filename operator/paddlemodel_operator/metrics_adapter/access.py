"""Who may query: only the Kubernetes API server, identified by its front proxy's client certificate; pure.

The API server authenticates and authorises a user before it forwards a request, so its certificate is all the
proof that is needed, and a header such as X-Remote-User is worth nothing without it.
"""

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from paddlemodel_operator.metrics_adapter.query import Refused

CONFIG_MAP: Final = ("kube-system", "extension-apiserver-authentication")
"""Where every API server publishes whom extension servers are to trust."""

_WHERE: Final = "/".join(CONFIG_MAP)


class TrustError(Exception):
    """The cluster does not say whom to trust; the text is a sentence."""


@dataclass(frozen=True, kw_only=True)
class Trust:
    """Who signs the front proxy's certificate, and whose it may be."""

    authorities: str
    """Certificates in PEM."""

    names: frozenset[str]
    """Common names; empty: any that the authorities have signed."""


def trust(config_map: Mapping[str, Any] | None) -> Trust:
    """Read the ConfigMap.

    Raises:
        TrustError: it is missing, or the API server has no front proxy.
    """
    data = (config_map or {}).get("data") or {}
    authorities = data.get("requestheader-client-ca-file", "")
    if not authorities.strip():
        raise TrustError(
            f"the ConfigMap {_WHERE} has no requestheader-client-ca-file: the API server runs without the "
            "aggregation layer; give it --requestheader-client-ca-file and --proxy-client-cert-file"
        )
    try:
        allowed = json.loads(data.get("requestheader-allowed-names") or "[]")
    except ValueError:
        allowed = None
    if not isinstance(allowed, list) or not all(isinstance(name, str) for name in allowed):
        raise TrustError(f"the ConfigMap {_WHERE} has a requestheader-allowed-names that is no list of names")
    return Trust(authorities=authorities, names=frozenset(allowed))


def context(given: Trust | None, pair: str) -> ssl.SSLContext:
    """What a new connection must fulfil.

    Args:
        given: whom to trust; None while that is unknown, and then no certificate is requested.
        pair: path of a file with our own chain and its key, PEM.

    Raises:
        OSError: the file cannot be read, or (ssl.SSLError) something is not what it should be.
    """
    result = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    result.minimum_version = ssl.TLSVersion.TLSv1_2
    # A resumed session would not show its certificate again.
    result.num_tickets = 0
    result.options |= ssl.OP_NO_TICKET
    result.load_cert_chain(pair)
    if given is not None:
        # Optional, for the kubelet's probes have none. One by another authority ends the handshake.
        result.verify_mode = ssl.CERT_OPTIONAL
        result.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # as Go: a bundle may hold an intermediate
        result.load_verify_locations(cadata=given.authorities)
    return result


def check(given: Trust | None, certificate: Mapping[str, Any] | None, now: float) -> None:
    """Whether a request may pass.

    Args:
        given: whom to trust.
        certificate: the client's, as `ssl` returns it after the handshake; nothing without one.
        now: seconds since 1970; a connection can outlive its certificate.

    Raises:
        Refused: 401; 503 while it is unknown whom to trust.
    """
    if given is None:
        raise Refused(503, "ServiceUnavailable", "it is not known yet whom to trust: see /readyz")
    if not certificate:
        raise _unauthorized("only the Kubernetes API server may ask, with its front proxy's certificate")
    if now > ssl.cert_time_to_seconds(certificate["notAfter"]):
        raise _unauthorized("the client certificate has expired")
    found = [value for part in certificate["subject"] for name, value in part if name == "commonName"]
    if len(found) != 1 or (given.names and found[0] not in given.names):
        raise _unauthorized("the client certificate is not the front proxy's")


def _unauthorized(message: str) -> Refused:
    return Refused(401, "Unauthorized", message)
