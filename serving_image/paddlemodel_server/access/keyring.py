"""The API keys of one HTTP worker, as the mounted Secret says now.

It is made before the fork, so that keys that cannot be used end the start. From then on each HTTP worker
looks at the Secret every two seconds. A Secret that has become unusable changes nothing: a mistake must not
lock everybody out; the log and /metrics tell of it.
"""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from paddlemodel_server.access import secret_folder
from paddlemodel_server.access.keys import Client, KeySet, carried
from paddlemodel_server.errors import StartError, UnauthorizedError
from paddlemodel_server.ipc.access_page import AccessPage

LOOK_SECONDS: Final = 2.0

logger = logging.getLogger(__name__)


class Loop(Protocol):
    """An event loop, as far as timers go."""

    def call_later(self, delay: float, callback: Callable[[], None], /) -> object:
        """Call back after `delay` seconds."""


class Grant(NamedTuple):
    """Who asks; it holds as long as the keys do by which that was found."""

    keys: KeySet
    client: Client


class Keyring:
    """The keys that are valid now."""

    def __init__(self, name: str, folder: Path, page: AccessPage) -> None:
        """Load the keys.

        Args:
            name: the model's, for the challenge.
            folder: where the Secret is mounted.
            page: where to tell what was found.

        Raises:
            StartError: there are no keys, or they cannot be used.
        """
        self._name = name
        self._folder = folder
        self._page = page
        self._seen = secret_folder.fingerprint(folder)
        self.keys = KeySet(secret_folder.read(folder))
        page.write_keys(len(self.keys), outdated=False)

    def grant(self, headers: Mapping[str, str]) -> Grant:
        """Find out who asks.

        Args:
            headers: of the request, by lower-case name.

        Raises:
            UnauthorizedError: it carries no valid key.
        """
        client = self.keys.client(headers)
        if client is None:
            sentence = "The API key of this request is not valid." if carried(headers) else ""
            raise UnauthorizedError(sentence, (("WWW-Authenticate", self._challenge(headers)),))
        return Grant(self.keys, client)

    def watch(self, loop: Loop) -> None:
        """Look at the Secret, and do so again and again."""
        loop.call_later(LOOK_SECONDS, lambda: self.watch(loop))
        self.look()

    def look(self) -> None:
        """Take over the keys of a Secret that has changed."""
        seen = secret_folder.fingerprint(self._folder)
        if seen == self._seen:
            return
        self._seen = seen
        try:
            self.keys = KeySet(secret_folder.read(self._folder))
        except StartError as error:
            self._page.write_keys(len(self.keys), outdated=True)
            kept = f"the keys from before stay valid, {len(self.keys)} of them"
            message = f"{error.message} Until that is repaired, {kept}."
            logger.error(message, extra={"reason": error.reason})  # noqa: TRY400 - the sentence says it all
        else:
            self._page.write_keys(len(self.keys), outdated=False)
            logger.info("the API keys were renewed", extra={"keys": len(self.keys)})

    def _challenge(self, headers: Mapping[str, str]) -> str:
        """What to send (RFC 6750 and 7617); a browser asks its user for a key only where Basic is offered."""
        wanted = f'Bearer realm="{self._name}"'
        if carried(headers):
            wanted += ', error="invalid_token"'
        return f'{wanted}, Basic realm="{self._name}"' if "text/html" in headers.get("accept", "") else wanted
