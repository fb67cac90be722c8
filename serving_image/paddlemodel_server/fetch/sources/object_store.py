"""Folders, archives and programs in `s3://`, `gs://` and `az://`: every object store. obstore's door.

The client's total time-out is off, and so are its own attempts: it limits the sum of all pauses, which ends
every large download on a slow line. Parts are bounded, a part that brings no byte for `timeout` ends, and
what comes next is decided where it is for all sources. Nothing is asked in the main thread: it
would hear no signal while the client waits.
"""

import functools
import logging
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from paddlemodel_server.errors import StartError
from paddlemodel_server.fetch import parallel, proxies
from paddlemodel_server.fetch.sources import http_client, http_faults, object_faults, providers
from paddlemodel_server.fetch.sources.place import Scheme, params_of, place_of
from paddlemodel_server.fetch.sources.source import (
    ChangedError,
    File,
    Listing,
    Part,
    Reading,
    Request,
    TryAgainError,
)

_LOG = logging.getLogger(__name__)
_CHUNK = 1 << 16  # what a line that breaks off costs at most
_MOST_FILES = 10_001  # one more than the fetcher takes: so it knows
_GOOGLE = "metadata.google.internal"
_NEVER = timedelta(days=365)
_ANSWERED = range(100, 600)


class ObjectStore:
    """A kind of object store."""

    parallel = True

    def __init__(self, scheme: Scheme) -> None:
        self.takes = providers.TAKES[scheme]
        self._client: tuple[Request, _Client] | None = None

    def listing(self, request: Request) -> Listing:
        """As Source.listing(): a single object, a program with its parameters, or all below a key."""
        return parallel.aside(functools.partial(self._listing, request))

    def _listing(self, request: Request) -> Listing:
        client = self._for(request)
        place = client.place
        if place.is_folder:
            return client.folder()
        try:
            if params_of(place.key):
                return client.program()
            return Listing(files=[client.head(place.key, "")])
        except StartError as error:
            if error.reason not in {"NotFound", "NotAllowed"} or params_of(place.key):
                raise
        return client.folder()  # a store that may not be listed says "not allowed" of what is not there

    @contextmanager
    def read(self, request: Request, part: Part) -> Iterator[Reading]:
        """As Source.read(); the validator is the ETag."""
        client, listed = self._for(request), part.validator is not None
        found = client.get(part, listed=listed)
        meta = found.meta
        etag = _quoted(meta["e_tag"])
        if part.validator and etag not in {None, part.validator}:
            raise ChangedError
        yield Reading(
            chunks=client.chunks(found, listed=listed),
            offset=found.range[0],
            size=meta["size"],
            validator=etag,
        )

    def _for(self, request: Request) -> "_Client":
        """One client for all files, so that connections are used again."""
        if self._client is None or self._client[0] != request:
            self._client = (request, _Client(request))
        return self._client[1]


class _Client:
    """obstore's client for one URI."""

    def __init__(self, request: Request) -> None:
        import obstore  # noqa: PLC0415 - 15 MB that only these schemes need
        from obstore import store  # noqa: PLC0415

        self._obstore = obstore
        self.place = place_of(request.uri)
        self._access = providers.access(request, self.place, _environment(self.place.scheme))
        kind = {"s3": store.S3Store, "gs": store.GCSStore, "az": store.AzureStore}[self.place.scheme]
        # Some constructors read keys and variables, and quote them in what they raise.
        with self.faults():
            self._store: Any = kind(
                config=dict(self._access.config),
                client_options=_options(request, self._access.address),
                retry_config={"max_retries": 0, "retry_timeout": _NEVER},
            )
        self._timeout, self._lock, self._free_at = request.timeout, threading.Lock(), 0.0
        _LOG.info("asking the object store as %s", self._access.identity)

    @contextmanager
    def faults(self, *, listed: bool = False) -> Iterator[None]:
        """Turn the client's errors into ours."""
        errors = self._obstore.exceptions
        try:
            yield
        except errors.InvalidPathError as error:
            raise StartError(
                "UnsafeListing",
                "The place lists a name with an empty part, a dot or a control character, which no file can "
                "have; rename it there.",
            ) from error
        except FileNotFoundError as error:
            raise self._fault("status code: 404 " + str(error), listed=listed) from error
        except (errors.BaseError, PermissionError, TimeoutError) as error:
            raise self._fault(str(error), listed=listed) from error
        except ValueError as error:
            raise StartError(
                "InvalidCredentials",
                "The object store's client takes neither these credentials nor this endpoint; correct them.",
            ) from error

    def _fault(self, text: str, *, listed: bool) -> Exception:
        fault = object_faults.fault(text, self.place, self._access.identity, listed=listed)
        if isinstance(fault, TryAgainError) and object_faults.is_busy(text):
            fault.pause = self._pause()
        return fault

    def _pause(self) -> float:
        """For how many seconds the store wants to be left alone; of parts that fail at once, one asks."""
        with self._lock:
            if self._free_at <= time.monotonic():
                self._free_at = time.monotonic() + self._told()
            return max(0.0, self._free_at - time.monotonic())

    def _told(self) -> float:
        """What the store says to a HEAD of our own: obstore passes no header on."""
        if self._access.identity == "nobody":
            path = f"{self._access.bucket}/{self.place.key}".strip("/")
            address = f"{self._access.address.rstrip('/')}/{quote(path)}"
        else:
            try:
                address = self._obstore.sign(self._store, "HEAD", self.place.key, timedelta(minutes=1))
            except (
                self._obstore.exceptions.BaseError,
                ValueError,
            ):  # there are keys that cannot sign addresses
                return 0.0
        try:
            call = http_client.Call(uri=address, timeout=self._timeout, method="HEAD", accepted=_ANSWERED)
            with http_client.opened(call) as answer:
                return http_faults.pause(answer.headers.get("Retry-After", ""))
        except (StartError, TryAgainError):
            return 0.0

    def head(self, key: str, path: str) -> File:
        """An object, by its key; `path` is what it shall be called."""
        with self.faults():
            return _file(self._obstore.head(self._store, key), path)

    def program(self) -> Listing:
        """A program, and the parameters beside it."""
        key = self.place.key
        params = params_of(key) or ""
        program = self.head(key, key.rpartition("/")[2])
        try:
            return Listing(files=[program, self.head(params, params.rpartition("/")[2])])
        except StartError as error:
            if error.reason != "NotFound":
                raise
            raise StartError(
                "ParamsMissing",
                f"{program.path} has no parameters beside it; add its .pdiparams from the same export.",
            ) from error

    def folder(self) -> Listing:
        """All objects below the key."""
        base, found = self.place.key, []
        with self.faults():
            for batch in self._obstore.list(self._store, prefix=base or None, chunk_size=1000):
                found += [meta for meta in batch if meta["path"] != base]  # that is the folder's own mark
                if len(found) > _MOST_FILES:
                    break
        if not found:
            raise StartError(
                "NotFound", f"There is nothing of that name in the {self.place.shown}; correct the URI."
            )
        cut = len(base) + 1 if base else 0
        files = [_file(meta, meta["path"][cut:]) for meta in found]
        paths = {file.path for file in files}
        marks = {path for path in paths if any(other.startswith(f"{path}/") for other in paths)}
        return Listing(files=[file for file in files if not (file.path in marks and file.size == 0)])

    def get(self, part: Part, *, listed: bool) -> Any:
        """Ask for a part."""
        place = self.place
        if not part.path:
            key = place.key
        elif params_of(place.key) and not place.is_folder:
            key = f"{place.key.rpartition('/')[0]}/{part.path}".lstrip("/")
        else:
            key = f"{place.key}/{part.path}".lstrip("/")
        options: Any = {}
        if part.validator and part.validator.startswith('"'):  # a strong ETag
            options["if_match"] = part.validator
        if part.length is not None:
            options["range"] = (part.offset, part.offset + part.length)
        elif part.offset:
            options["range"] = {"offset": part.offset}
        with self.faults(listed=listed):
            return self._obstore.get(self._store, key, options=options or None)

    def chunks(self, found: Any, *, listed: bool) -> Iterator[bytes]:
        """The bytes as they come; only the store's faults are turned into ours, not its taker's."""
        with self.faults(listed=listed):
            stream = iter(found.stream(min_chunk_size=_CHUNK))
        while True:
            with self.faults(listed=listed):
                chunk = next(stream, None)
            if chunk is None:
                return
            yield bytes(chunk)


def _environment(scheme: Scheme) -> Mapping[str, str]:
    """The variables, and Google's server for identities where a pod of its clouds finds it by name."""
    if scheme != "gs":
        return os.environ
    try:
        socket.getaddrinfo(_GOOGLE, 80)
    except OSError:
        return os.environ
    return {"GCE_METADATA_HOST": _GOOGLE, **os.environ}


def _file(meta: Mapping[str, Any], path: str) -> File:
    changed = f"{meta['last_modified']:%Y%m%dT%H%M%S}-{meta['size']}"
    return File(path=path, size=meta["size"], validator=_quoted(meta["e_tag"]) or changed)


def _quoted(etag: str | None) -> str | None:
    """As in a header, where it has quotes; Azure's listing leaves them out."""
    return etag if etag is None or etag.endswith('"') else f'"{etag}"'


def _options(request: Request, address: str) -> dict[str, Any]:
    options: dict[str, Any] = {
        "allow_http": bool(request.endpoint and request.endpoint.startswith("http://")),
        "timeout": _NEVER,
        "read_timeout": timedelta(seconds=request.timeout),
        "connect_timeout": timedelta(seconds=request.timeout),
        "default_headers": {"user-agent": "paddlemodel-server"},
    }
    if proxy := proxies.proxy_for(address, os.environ):
        login = (
            f"{':'.join(quote(part, safe='') for part in proxy.login.split(':', 1))}@" if proxy.login else ""
        )
        options["proxy_url"] = proxy.url.replace("://", f"://{login}", 1)
    if authority := os.environ.get("SSL_CERT_FILE"):
        options["root_certificate"] = _authority(Path(authority))
    return options


def _authority(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StartError(
            "UntrustedCertificate", f"SSL_CERT_FILE cannot be read ({error.strerror}); correct it."
        ) from error
