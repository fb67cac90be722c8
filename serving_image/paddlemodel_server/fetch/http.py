"""Brings one file over HTTP to the disk, whole or not at all; called by the fetcher.

Init containers start while proxies, DNS and object stores wake up, so everything that may heal is tried again
with growing pauses, and a broken transfer goes on where it stopped when the server can prove that the file is
still the same one.
"""

import hashlib
import logging
import random
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO
from urllib.parse import SplitResult, unquote, urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
    SSLError,
)

from paddlemodel_server.errors import StartError

_LOG = logging.getLogger(__name__)
_CHUNK = 1 << 16
_REDIRECTS = 10
_PROGRESS_SECONDS = 5.0
_PROGRESS_THAT_COUNTS = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long to wait for a server, and how often to come back."""

    timeout: float = 30.0  # seconds without a byte
    attempts: int = 6  # in a row without progress
    first_pause: float = 0.5
    longest_pause: float = 30.0

    def pause(self, failures: int) -> float:
        """The pause after so many failures, with jitter: many pods may have failed at the same moment."""
        jitter = random.uniform(0.5, 1.0)  # noqa: S311 - no secret
        return jitter * min(self.longest_pause, self.first_pause * 2.0 ** (failures - 1))


class _TryAgainError(Exception):
    """Something that another attempt may heal."""

    def __init__(self, what: str, pause: float = 0.0) -> None:
        super().__init__(what)
        self.pause = pause


@dataclass(kw_only=True)
class _Transfer:
    """What is already on the disk."""

    file: BinaryIO
    max_bytes: int
    sha256: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    received: int = 0
    total: int | None = None
    validator: str | None = None  # proves that the rest belongs to what we have
    told: float = field(default_factory=time.monotonic)

    def restart(self) -> None:
        self.file.seek(0)
        self.file.truncate()
        self.sha256 = hashlib.sha256()
        self.received = 0

    def add(self, data: bytes) -> None:
        self.received += len(data)
        self.check_size(self.received)
        self.sha256.update(data)
        self.file.write(data)
        if time.monotonic() - self.told >= _PROGRESS_SECONDS:
            self.tell("downloading")

    def check_size(self, size: int) -> None:
        if size > self.max_bytes:
            raise StartError(
                "TooLarge",
                f"The download is larger than {self.max_bytes} bytes; pack only the model's files.",
            )

    def tell(self, event: str) -> None:
        self.told = time.monotonic()
        percent = 100 * self.received // self.total if self.total else None
        _LOG.info(event, extra={"received": self.received, "total": self.total, "percent": percent})


def download(uri: str, into: Path, max_bytes: int, patience: Patience) -> str:
    """Bring the file at `uri` to `into`; returns its digest."""
    failures, best = 0, 0
    with into.open("wb") as file:
        transfer = _Transfer(file=file, max_bytes=max_bytes)
        while True:
            try:
                _attempt(uri, transfer, patience.timeout)
            except _TryAgainError as error:
                if transfer.received >= best + _PROGRESS_THAT_COUNTS:
                    failures, best = 0, transfer.received
                failures += 1
                if failures >= patience.attempts:
                    raise StartError(
                        "Unreachable",
                        f"The download failed {failures} times, at last because {error}; "
                        "check the URI and that the pod may reach it.",
                    ) from error
                pause = max(patience.pause(failures), min(error.pause, patience.longest_pause))
                _LOG.warning(
                    "attempt failed: %s", error, extra={"attempt": failures, "pause": round(pause, 1)}
                )
                time.sleep(pause)
            else:
                transfer.tell("downloaded")
                return f"sha256:{transfer.sha256.hexdigest()}"


def _attempt(uri: str, transfer: _Transfer, timeout: float) -> None:
    try:
        response = _open(uri, _resume_headers(transfer), timeout)
        try:
            _check_status(response)
            _align(response, transfer)
            for data in response.stream(_CHUNK, decode_content=False):
                transfer.add(data)
        finally:
            response.close()
    except SSLError as error:
        raise _tls_error(error, urlsplit(uri).hostname) from error
    except ValueError as error:  # urllib3's LocationValueError is one, too
        raise StartError("InvalidUri", "The URI is not a valid http(s) address; correct it.") from error
    except HTTPError as error:
        raise _TryAgainError(_why(error, timeout)) from error
    if transfer.total is not None and transfer.received != transfer.total:
        raise _TryAgainError(f"the body ended after {transfer.received} of {transfer.total} bytes")


def _resume_headers(transfer: _Transfer) -> dict[str, str]:
    if transfer.received and transfer.validator:
        return {"Range": f"bytes={transfer.received}-", "If-Range": transfer.validator}
    return {}


def _open(uri: str, headers: Mapping[str, str], timeout: float) -> urllib3.BaseHTTPResponse:
    """Request `uri` and follow redirects, never from https to http and never to another kind of address."""
    first = here = urlsplit(uri)
    for _ in range(_REDIRECTS):
        wanted = {"Accept-Encoding": "identity", "User-Agent": "paddlemodel-server", **headers}
        if first.username and _origin(here) == _origin(first):
            login = f"{unquote(first.username)}:{unquote(first.password or '')}"
            wanted |= urllib3.make_headers(basic_auth=login)
        address = here._replace(netloc=here.netloc.rpartition("@")[2], fragment="").geturl()
        response = _pool(here, timeout).request(
            "GET", address, headers=wanted, redirect=False, retries=False, preload_content=False
        )
        location = response.get_redirect_location()
        if not location:
            return response
        response.close()
        target = urlsplit(urljoin(address, location))
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


def _origin(uri: SplitResult) -> tuple[str, str | None, int | None]:
    return uri.scheme, uri.hostname, uri.port


def _pool(uri: SplitResult, timeout: float) -> urllib3.PoolManager:
    # The default context honours SSL_CERT_FILE, so a private certificate authority needs only a mounted file.
    context = ssl.create_default_context()
    waits = urllib3.Timeout(connect=timeout, read=timeout)
    proxy = getproxies().get(uri.scheme)
    if proxy and not proxy_bypass(uri.hostname or ""):
        login = urlsplit(proxy)
        auth = f"{unquote(login.username)}:{unquote(login.password or '')}" if login.username else None
        return urllib3.ProxyManager(
            proxy,
            proxy_headers=urllib3.make_headers(proxy_basic_auth=auth),
            timeout=waits,
            ssl_context=context,
        )
    return urllib3.PoolManager(timeout=waits, ssl_context=context)


def _check_status(response: urllib3.BaseHTTPResponse) -> None:
    status = response.status
    if status in {200, 206, 416}:
        return
    if status in {408, 425, 429} or status >= 500:
        after = response.headers.get("Retry-After", "")
        raise _TryAgainError(f"the server answered {status}", float(after) if after.isdecimal() else 0.0)
    if status in {404, 410}:
        raise StartError("NotFound", f"The server answered {status}: there is no such file; correct the URI.")
    if status in {401, 403}:
        raise StartError(
            "NotAllowed",
            f"The server answered {status}: it wants other credentials; correct them or open the file.",
        )
    raise StartError("UnexpectedAnswer", f"The server answered {status}; correct the URI.")


def _align(response: urllib3.BaseHTTPResponse, transfer: _Transfer) -> None:
    """Let the body that follows continue the file, or start it anew."""
    headers = response.headers
    if response.status == 416:
        transfer.restart()
        transfer.validator = None
        raise _TryAgainError("the file changed on the server")
    if response.status == 206 and not headers.get("Content-Range", "").startswith(
        f"bytes {transfer.received}-"
    ):
        transfer.restart()
        transfer.validator = None
        raise _TryAgainError("the server sent another part than asked for")
    if response.status == 200:
        transfer.restart()
        etag = headers.get("ETag")
        transfer.validator = etag if etag and not etag.startswith("W/") else headers.get("Last-Modified")
    length = headers.get("Content-Length")
    transfer.total = transfer.received + int(length) if length and length.isdecimal() else None
    transfer.check_size(transfer.total or 0)
    transfer.tell("resuming" if transfer.received else "downloading")


def _tls_error(error: SSLError, host: str | None) -> Exception:
    cause = error.args[0] if error.args else None
    if isinstance(cause, ssl.SSLCertVerificationError):
        return StartError(
            "UntrustedCertificate",
            f"The certificate of {host} is not trusted ({cause.verify_message}); "
            "name its authority's file in SSL_CERT_FILE, or correct the URI.",
        )
    detail = getattr(cause, "reason", None) or "broken off"
    return _TryAgainError(f"the TLS handshake failed ({detail})")


def _why(error: HTTPError, timeout: float) -> str:
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
