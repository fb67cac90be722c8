"""Where the keys of an issuer come from: a mounted ConfigMap, or an address that is asked again and again."""

import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO, Final, Protocol

from paddlemodel_api import contract
from paddlemodel_api.access.tokens import KEYS_ENTRY

from paddlemodel_server.access import secret_folder
from paddlemodel_server.access.tokens.key_set import MOST_BYTES
from paddlemodel_server.errors import StartError

AGAIN_SECONDS: Final = 300.0  # between two requests for the keys
RETRY_SECONDS: Final = 30.0  # after one that failed
FLOOR_SECONDS: Final = 10.0  # at least, whatever tokens come
FETCH_SECONDS: Final = 10.0  # for one request as a whole
ATTEMPTS: Final = 3  # at the start
_WAIT_SECONDS: Final = 5.0  # for a connection, and for each part of an answer

Take = Callable[[bytes | StartError], None]
"""Gets a key set, or why there is none."""


class Loop(Protocol):
    """An event loop, as far as this goes."""

    def call_soon_threadsafe(self, callback: Callable[[], None], /) -> object:
        """Call back on the loop's thread."""


class Source(Protocol):
    """A place of keys."""

    def first(self) -> bytes:
        """The keys at the start; raises StartError where there are none."""

    def look(self, loop: Loop, take: Take) -> None:
        """Give `take` what is new, now or later."""

    def ask(self, loop: Loop | None, take: Take) -> bool:
        """A token names a key that is not known: whether newer keys are on their way."""


class MountedKeys:
    """Those of a ConfigMap, which the kubelet renews."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen = secret_folder.fingerprint(folder)

    def first(self) -> bytes:
        """The keys at the start."""
        found = secret_folder.read(self._folder).get(KEYS_ENTRY)
        if found is None:
            raise StartError(
                contract.JWT_KEYS_MISSING,
                f"There are no keys of the issuer: the ConfigMap has the entry {KEYS_ENTRY}, a JSON Web Key "
                "Set.",
            )
        return found

    def look(self, _loop: Loop, take: Take) -> None:
        """Take what has changed, at once."""
        seen = secret_folder.fingerprint(self._folder)
        if seen == self._seen:
            return
        self._seen = seen
        try:
            take(self.first())
        except StartError as error:
            take(error)

    def ask(self, _loop: Loop | None, _take: Take) -> bool:
        """No: it is looked at every two seconds anyway."""
        return False


class FetchedKeys:
    """Those of an address; one request at a time, in a thread."""

    def __init__(self, uri: str, pause: Callable[[float], None] = time.sleep) -> None:
        self._uri = uri
        self._pause = pause
        self._began = self._due = 0.0  # monotonic seconds
        self._running = False

    def first(self) -> bytes:
        """The keys at the start; a server that has just begun as well gets some seconds."""
        for _ in range(ATTEMPTS - 1):
            try:
                return self._fetched()
            except StartError:
                self._pause(2.0)
        return self._fetched()

    def look(self, loop: Loop, take: Take) -> None:
        """Ask again once it is time."""
        if not self._running and time.monotonic() >= self._due:
            self._start(loop, take)

    def ask(self, loop: Loop | None, take: Take) -> bool:
        """Ask again, but not too often: anybody can send a token that names some key."""
        if not self._running and loop is not None and time.monotonic() >= self._began + FLOOR_SECONDS:
            self._start(loop, take)
        return self._running

    def _start(self, loop: Loop, take: Take) -> None:
        self._running = True
        self._began = time.monotonic()

        def fetch() -> None:
            try:
                found: bytes | StartError = self._fetched()
            except StartError as error:
                found = error
            try:
                loop.call_soon_threadsafe(lambda: self._end(found, take))
            except RuntimeError:
                return  # the loop has ended, and the server with it

        threading.Thread(target=fetch, name="jwt-keys", daemon=True).start()

    def _end(self, found: bytes | StartError, take: Take) -> None:
        self._running = False
        failed = isinstance(found, StartError)
        self._due = time.monotonic() + (RETRY_SECONDS if failed else AGAIN_SECONDS)
        take(found)

    def _fetched(self) -> bytes:
        self._began = time.monotonic()
        self._due = self._began + AGAIN_SECONDS
        try:
            return _get(self._uri, self._began + FETCH_SECONDS)
        except (OSError, ValueError, HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            raise StartError(
                contract.JWT_KEYS_MISSING,
                f"The keys of the issuer could not be fetched from {self._uri} ({reason}): check that the "
                "address is right, that the pod reaches it, and that its certificate is trusted.",
            ) from None


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Keys come from the address that the spec names, and from no other."""

    def redirect_request(
        self, _req: object, _fp: IO[bytes], _code: int, _msg: str, _headers: HTTPMessage, _newurl: str
    ) -> None:
        """Follow none."""
        return


def _get(uri: str, until: float) -> bytes:
    """The body, cut behind MOST_BYTES + 1; raises OSError where it does not come whole, and by `until`."""
    request = urllib.request.Request(uri, headers={"Accept": "application/json"})  # noqa: S310 - it is https
    try:
        with urllib.request.build_opener(_NoRedirects()).open(request, timeout=_WAIT_SECONDS) as answer:
            found = b""
            while len(found) <= MOST_BYTES and (more := answer.read1(MOST_BYTES)):
                found += more
                if time.monotonic() > until:
                    raise TimeoutError("it takes too long")
            if answer.length and len(found) <= MOST_BYTES:
                raise ConnectionError("the answer was cut")
            return found[: MOST_BYTES + 1]
    except urllib.error.HTTPError as error:
        error.close()
        raise ConnectionError(f"it answers {error.code}") from None
