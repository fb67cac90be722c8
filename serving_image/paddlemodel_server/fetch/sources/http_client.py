"""The one way to speak HTTP: redirects followed, secrets kept, faults in our words. urllib3's door.

Every source that speaks HTTP itself uses it: `opened` for a request, `reading` for a file's bytes, `body` for
a small answer such as a page of JSON.
"""

import logging
import os
import ssl
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

import urllib3
from urllib3.exceptions import HTTPError, LocationValueError, ProxyError, SSLError

from paddlemodel_server.errors import StartError
from paddlemodel_server.fetch.proxies import Proxy, proxy_for
from paddlemodel_server.fetch.sources import http_faults
from paddlemodel_server.fetch.sources.source import Part, Reading, TryAgainError

_LOG = logging.getLogger(__name__)
_CHUNK = 1 << 16
_REDIRECTS = 10
_PRINTABLE = "".join(map(chr, range(33, 127)))
_ANSWERED = frozenset({200, 206, 416})


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request."""

    uri: str  # a user and password in it are sent as Basic authorization
    timeout: float = 30.0  # seconds without a byte
    headers: Mapping[str, str] = field(default_factory=dict)  # wherever it is redirected
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)  # headers for the first origin alone
    method: Literal["GET", "HEAD", "POST"] = "GET"
    accepted: Collection[int] = _ANSWERED  # statuses that the caller understands
    refusals: Mapping[int, StartError] = field(default_factory=dict)  # instead of the common sentences


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back, after all redirects."""

    status: int
    headers: Mapping[str, str]  # by name, in any case
    address: str  # that answered; may hold secrets in its query
    chunks: Iterator[bytes]  # the body, as it was sent


@contextmanager
def opened(call: Call) -> Iterator[Answer]:
    """Send a request; the body is read inside the `with`, and only as far as wanted.

    Raises:
        StartError: no other attempt will help.
        TryAgainError: another may; the chunks may raise it, too.
    """
    via = ""
    try:
        response, address, proxy = _followed(call)
        via = f" through {proxy.shown}" if proxy else ""
        try:
            _check_status(call, response, proxy)
            yield Answer(
                status=response.status,
                headers=response.headers,
                address=address,
                chunks=response.stream(_CHUNK, decode_content=False),
            )
        finally:
            response.close()
    except SSLError as error:
        raise http_faults.tls_error(error, urlsplit(call.uri).hostname) from error
    except LocationValueError as error:
        raise _invalid() from error
    except HTTPError as error:
        raise TryAgainError(http_faults.why(error, call.timeout) + via) from error


def ranged(part: Part) -> Mapping[str, str]:
    """The headers that ask for a part of a file, if it is still the same."""
    if not (part.offset and part.validator):
        return {}
    return {"Range": f"bytes={part.offset}-", "If-Range": part.validator}


def reading(answer: Answer, part: Part) -> Reading:
    """What an answer to `ranged(part)` means; the validator is a strong ETag, or Last-Modified.

    Raises:
        TryAgainError: it is another file by now.
    """
    headers, offset = answer.headers, part.offset if ranged(part) else 0
    if answer.status == 416:
        raise TryAgainError("the file changed on the server", restart=True)
    if answer.status == 206 and not headers.get("Content-Range", "").startswith(f"bytes {offset}-"):
        raise TryAgainError("the server sent another part than asked for", restart=True)
    begin = offset if answer.status == 206 else 0
    etag, length = headers.get("ETag"), headers.get("Content-Length")
    return Reading(
        chunks=answer.chunks,
        offset=begin,
        size=begin + int(length) if length and length.isdecimal() else None,
        validator=etag if etag and not etag.startswith("W/") else headers.get("Last-Modified"),
        encoding=headers.get("Content-Encoding", "").replace("identity", "").strip(),
    )


def body(call: Call, max_bytes: int = 16 << 20) -> tuple[Answer, bytes]:
    """A small answer as a whole; its `chunks` are used up.

    Raises:
        StartError: as opened(); `UnexpectedAnswer`, if it has more than `max_bytes`.
        TryAgainError: as opened().
    """
    content = bytearray()
    with opened(call) as answer:
        for chunk in answer.chunks:
            content += chunk
            if len(content) > max_bytes:
                raise StartError(
                    "UnexpectedAnswer",
                    f"The server's answer about what there is has more than {max_bytes >> 20} MiB; correct "
                    "the URI, or name a smaller folder.",
                )
    return answer, bytes(content)


def _followed(call: Call) -> tuple[urllib3.BaseHTTPResponse, str, Proxy | None]:
    """Follow redirects, never from https to http and never to another kind of address."""
    try:
        first = here = urlsplit(call.uri)
        _ = here.port
    except ValueError as error:
        raise _invalid() from error
    for _ in range(_REDIRECTS):
        wanted = {"Accept-Encoding": "identity", "User-Agent": "paddlemodel-server", **call.headers}
        if _origin(here) == _origin(first):
            wanted |= _secrets(call, first)
        address = here._replace(netloc=here.netloc.rpartition("@")[2], fragment="").geturl()
        proxy = proxy_for(address, os.environ)
        response = _asked(call, address, wanted, proxy)
        location = response.get_redirect_location()
        if not location or response.status in call.accepted:
            return response, address, proxy
        response.close()
        here = _target(here, address, location)
    raise StartError(
        "RefusedRedirect",
        f"The server redirects more than {_REDIRECTS} times; use the URI of the file itself.",
    )


def _secrets(call: Call, first: SplitResult) -> Mapping[str, str]:
    if not first.username:
        return call.secrets
    login = f"{unquote(first.username)}:{unquote(first.password or '')}"
    return {**urllib3.make_headers(basic_auth=login), **call.secrets}


def _target(here: SplitResult, address: str, location: str) -> SplitResult:
    try:
        target = urlsplit(urljoin(address, _as_sent(location)))
        _ = target.port
    except ValueError as error:
        raise StartError(
            "RefusedRedirect",
            "The server redirects to an address that cannot be read; use the URI of the file itself.",
        ) from error
    target = target._replace(netloc=unquote(target.netloc))  # a host of other letters than ASCII's
    if target.scheme not in {"http", "https"} or (here.scheme, target.scheme) == ("https", "http"):
        raise StartError(
            "RefusedRedirect",
            f"The server redirects from {here.scheme} to {target.scheme}, which is not followed; "
            "use the URI of the file itself.",
        )
    _LOG.info("redirected", extra={"host": target.hostname})
    return target


def _as_sent(location: str) -> str:
    """The bytes of the header as they came, where they are beyond ASCII: browsers take them as UTF-8."""
    return quote(location.strip().encode("latin-1", "replace"), safe=_PRINTABLE)


def _origin(uri: SplitResult) -> tuple[str, str | None, int | None]:
    return uri.scheme, uri.hostname, uri.port


def _asked(
    call: Call, address: str, headers: Mapping[str, str], proxy: Proxy | None
) -> urllib3.BaseHTTPResponse:
    context = _trusting(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
    waits = urllib3.Timeout(connect=call.timeout, read=call.timeout)
    pool = urllib3.PoolManager(timeout=waits, ssl_context=context)
    if proxy:
        login = urllib3.make_headers(proxy_basic_auth=proxy.login)
        pool = urllib3.ProxyManager(proxy.url, proxy_headers=login, timeout=waits, ssl_context=context)
    try:
        return pool.request(
            call.method, address, headers=headers, redirect=False, retries=False, preload_content=False
        )
    except ProxyError as error:
        cause = error.original_error
        why = http_faults.why(cause, call.timeout) if isinstance(cause, HTTPError) else "it gave no way"
        raise TryAgainError(f"{proxy.shown if proxy else 'the proxy'} failed: {why}") from error
    except ValueError as error:  # urllib3's LocationValueError is one, too
        raise _invalid() from error


@lru_cache(maxsize=1)
def _trusting(*_named: str | None) -> ssl.SSLContext:
    """The authorities that those variables name, or else the system's, which take 40 ms to read.

    So a private authority needs only a mounted file.
    """
    return ssl.create_default_context()


def _invalid() -> StartError:
    return StartError("InvalidUri", "The URI is not a valid http(s) address; correct it.")


def _check_status(call: Call, response: urllib3.BaseHTTPResponse, proxy: Proxy | None) -> None:
    status = response.status
    if status in call.accepted:
        return
    if status in call.refusals:
        raise call.refusals[status]
    http_faults.refuse_status(
        status, response.headers.get("Retry-After", ""), proxy, with_secrets=bool(call.secrets)
    )


def basic(username: str, password: str) -> Mapping[str, str]:
    """The secret header of a user and a password."""
    return urllib3.make_headers(basic_auth=f"{username}:{password}")


def bearer(token: str) -> Mapping[str, str]:
    """The secret header of a token."""
    return {"authorization": f"Bearer {token}"}
