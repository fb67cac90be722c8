"""An archive behind `http(s)://`: one request from an offset on, redirects followed, secrets kept."""

import logging
import os
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)

from paddlemodel_server.errors import StartError
from paddlemodel_server.fetch.proxies import Proxy, proxy_for
from paddlemodel_server.fetch.sources.source import Part, Reading, Request, TryAgainError

_LOG = logging.getLogger(__name__)
_CHUNK = 1 << 16
_REDIRECTS = 10
_PRINTABLE = "".join(map(chr, range(33, 127)))


class Http:
    """Any file server; the archive is its only file."""

    def files(self, _: Request, /) -> Sequence[str]:
        """As Source.files(): a server does not say what it has, so the URI names the one file."""
        return [""]

    @contextmanager
    def read(self, request: Request, part: Part) -> Iterator[Reading]:
        """As Source.read(); the validator is a strong ETag, or Last-Modified."""
        headers = {}
        if part.offset and part.validator:
            headers = {"Range": f"bytes={part.offset}-", "If-Range": part.validator}
        via = ""
        try:
            response, proxy = _open(request.uri, headers, request.timeout)
            via = f" through {proxy.shown}" if proxy else ""
            try:
                _check_status(response, proxy)
                yield _reading(response, part.offset if headers else 0)
            finally:
                response.close()
        except SSLError as error:
            raise _tls_error(error, urlsplit(request.uri).hostname) from error
        except ValueError as error:  # urllib3's LocationValueError is one, too
            raise StartError("InvalidUri", "The URI is not a valid http(s) address; correct it.") from error
        except HTTPError as error:
            raise TryAgainError(_why(error, request.timeout) + via) from error


def _reading(response: urllib3.BaseHTTPResponse, offset: int) -> Reading:
    headers = response.headers
    if response.status == 416:
        raise TryAgainError("the file changed on the server", restart=True)
    if response.status == 206 and not headers.get("Content-Range", "").startswith(f"bytes {offset}-"):
        raise TryAgainError("the server sent another part than asked for", restart=True)
    begin = offset if response.status == 206 else 0
    etag, length = headers.get("ETag"), headers.get("Content-Length")
    return Reading(
        chunks=response.stream(_CHUNK, decode_content=False),
        offset=begin,
        size=begin + int(length) if length and length.isdecimal() else None,
        validator=etag if etag and not etag.startswith("W/") else headers.get("Last-Modified"),
        encoding=headers.get("Content-Encoding", "").replace("identity", "").strip(),
    )


def _open(
    uri: str, headers: Mapping[str, str], timeout: float
) -> tuple[urllib3.BaseHTTPResponse, Proxy | None]:
    """Request `uri` and follow redirects, never from https to http and never to another kind of address."""
    first = here = urlsplit(uri)
    for _ in range(_REDIRECTS):
        wanted = {"Accept-Encoding": "identity", "User-Agent": "paddlemodel-server", **headers}
        if first.username and _origin(here) == _origin(first):
            login = f"{unquote(first.username)}:{unquote(first.password or '')}"
            wanted |= urllib3.make_headers(basic_auth=login)
        address = here._replace(netloc=here.netloc.rpartition("@")[2], fragment="").geturl()
        proxy = proxy_for(address, os.environ)
        response = _asked(address, wanted, proxy, timeout)
        location = response.get_redirect_location()
        if not location:
            return response, proxy
        response.close()
        target = urlsplit(urljoin(address, _as_sent(location)))
        target = target._replace(netloc=unquote(target.netloc))  # a host of other letters than ASCII's
        if target.scheme not in {"http", "https"} or (here.scheme, target.scheme) == ("https", "http"):
            raise StartError(
                "RefusedRedirect",
                f"The server redirects from {here.scheme} to {target.scheme}, which is not followed; "
                "use the URI of the file itself.",
            )
        _LOG.info("redirected", extra={"host": target.hostname})
        here = target
    raise StartError(
        "RefusedRedirect",
        f"The server redirects more than {_REDIRECTS} times; use the URI of the file itself.",
    )


def _as_sent(location: str) -> str:
    """The bytes of the header as they came, where they are beyond ASCII: browsers take them as UTF-8."""
    return quote(location.strip().encode("latin-1", "replace"), safe=_PRINTABLE)


def _origin(uri: SplitResult) -> tuple[str, str | None, int | None]:
    return uri.scheme, uri.hostname, uri.port


def _asked(
    address: str, headers: Mapping[str, str], proxy: Proxy | None, timeout: float
) -> urllib3.BaseHTTPResponse:
    # The default context honours SSL_CERT_FILE, so a private certificate authority needs only a mounted file.
    context = ssl.create_default_context()
    waits = urllib3.Timeout(connect=timeout, read=timeout)
    pool = urllib3.PoolManager(timeout=waits, ssl_context=context)
    if proxy:
        login = urllib3.make_headers(proxy_basic_auth=proxy.login)
        pool = urllib3.ProxyManager(proxy.url, proxy_headers=login, timeout=waits, ssl_context=context)
    try:
        return pool.request(
            "GET", address, headers=headers, redirect=False, retries=False, preload_content=False
        )
    except ProxyError as error:
        cause = error.original_error
        why = _why(cause, timeout) if isinstance(cause, HTTPError) else "it gave no way"
        raise TryAgainError(f"{proxy.shown if proxy else 'the proxy'} failed: {why}") from error


def _check_status(response: urllib3.BaseHTTPResponse, proxy: Proxy | None) -> None:
    status, via = response.status, f" through {proxy.shown}" if proxy else ""
    if status in {200, 206, 416}:
        return
    if status in {408, 425, 429} or status >= 500:
        raise TryAgainError(
            f"the server answered {status}{via}", pause(response.headers.get("Retry-After", ""))
        )
    if status in {404, 410}:
        raise StartError(
            "NotFound", f"The server answered {status}{via}: there is no such file; correct the URI."
        )
    if status in {401, 403}:
        raise StartError(
            "NotAllowed",
            f"The server answered {status}{via}: it does not give the file to everybody; open the file, use "
            "a signed address, or put the model on a volume (passwords are not supported yet).",
        )
    if status == 407:
        variable = proxy.variable if proxy else "HTTPS_PROXY"
        raise StartError(
            "NotAllowed",
            f"The answer was 407{via}: the proxy wants a password; write {variable} as http://USER:PASSWORD@HOST:PORT.",
        )
    raise StartError("UnexpectedAnswer", f"The server answered {status}{via}; correct the URI.")


def pause(retry_after: str) -> float:
    """Seconds, of either form of Retry-After."""
    if retry_after.isdecimal():
        return float(retry_after)
    try:
        return max(0.0, (parsedate_to_datetime(retry_after) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return 0.0


def _tls_error(error: SSLError, host: str | None) -> Exception:
    cause = error.args[0] if error.args else None
    if isinstance(cause, ssl.SSLCertVerificationError):
        return StartError(
            "UntrustedCertificate",
            f"The certificate of {host} is not trusted ({cause.verify_message}); "
            "name its authority's file in SSL_CERT_FILE, or correct the URI.",
        )
    detail = getattr(cause, "reason", None) or "broken off"
    return TryAgainError(f"the TLS handshake failed ({detail})")


def _why(error: Exception, timeout: float) -> str:
    """Say it without the library's text, which may repeat the address with its secrets."""
    if isinstance(error, NameResolutionError):
        return "the host's name does not resolve"
    if isinstance(error, ConnectTimeoutError) and not isinstance(error, NewConnectionError):
        return f"the host did not accept a connection within {timeout:g} s"
    if isinstance(error, NewConnectionError):
        return "the host refused the connection or has no route"
    if isinstance(error, ReadTimeoutError):
        return f"no byte came for {timeout:g} s"
    return "the connection broke off"
