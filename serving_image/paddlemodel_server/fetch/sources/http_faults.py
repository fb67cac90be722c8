"""What went wrong over HTTP, in our words: the library's text may repeat the address with its secrets."""

import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NoReturn

from urllib3.exceptions import (
    ConnectTimeoutError,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
    SSLError,
)

from paddlemodel_server.errors import StartError
from paddlemodel_server.fetch.proxies import Proxy
from paddlemodel_server.fetch.sources.source import TryAgainError


def refuse_status(status: int, retry_after: str, proxy: Proxy | None, *, with_secrets: bool) -> NoReturn:
    """Refuse a status that says that there is no file.

    Raises:
        StartError: no other attempt will help.
        TryAgainError: another may.
    """
    via = f" through {proxy.shown}" if proxy else ""
    if status in {408, 425, 429} or status >= 500:
        raise TryAgainError(f"the server answered {status}{via}", pause(retry_after))
    if status in {404, 410}:
        raise StartError(
            "NotFound", f"The server answered {status}{via}: there is no such file; correct the URI."
        )
    if status in {401, 403}:
        raise StartError(
            "NotAllowed", _not_allowed(f"The server answered {status}{via}", with_secrets=with_secrets)
        )
    if status == 407:
        variable = proxy.variable if proxy else "HTTPS_PROXY"
        raise StartError(
            "NotAllowed",
            f"The answer was 407{via}: the proxy wants a password; write {variable} as http://USER:PASSWORD@HOST:PORT.",
        )
    raise StartError("UnexpectedAnswer", f"The server answered {status}{via}; correct the URI.")


def _not_allowed(answered: str, *, with_secrets: bool) -> str:
    if with_secrets:
        return (
            f"{answered} to the credentials of the Secret: they are wrong, expired, or not for this file; "
            "correct the Secret, or the URI."
        )
    return (
        f"{answered}: it does not give the file to everybody; name a Secret with credentials, use a signed "
        "address, or put the model on a volume."
    )


def pause(retry_after: str) -> float:
    """Seconds, of either form of Retry-After."""
    if retry_after.isdecimal():
        return float(retry_after)
    try:
        return max(0.0, (parsedate_to_datetime(retry_after) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return 0.0


def tls_error(error: SSLError, host: str | None) -> Exception:
    """The fault to raise for a failed handshake."""
    cause = error.args[0] if error.args else None
    if isinstance(cause, ssl.SSLCertVerificationError):
        return StartError(
            "UntrustedCertificate",
            f"The certificate of {host} is not trusted ({cause.verify_message}); "
            "name its authority's file in SSL_CERT_FILE, or correct the URI.",
        )
    detail = getattr(cause, "reason", None) or "broken off"
    return TryAgainError(f"the TLS handshake failed ({detail})")


def why(error: Exception, timeout: float) -> str:
    """Half a sentence about an error of the connection."""
    if isinstance(error, NameResolutionError):
        return "the host's name does not resolve"
    if isinstance(error, ConnectTimeoutError) and not isinstance(error, NewConnectionError):
        return f"the host did not accept a connection within {timeout:g} s"
    if isinstance(error, NewConnectionError):
        return "the host refused the connection or has no route"
    if isinstance(error, ReadTimeoutError):
        return f"no byte came for {timeout:g} s"
    return "the connection broke off"
