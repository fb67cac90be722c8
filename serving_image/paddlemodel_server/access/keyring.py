"""The API keys of one HTTP worker, as the mounted Secret says now.

It is made before the fork, so that keys that cannot be used end the start. From then on each HTTP worker
looks at the Secret every two seconds. A Secret that has become unusable changes nothing: a mistake must not
lock everybody out; the log and /metrics tell of it.
"""

import logging
from collections.abc import Callable, Mapping
from math import inf
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from paddlemodel_server.access import secret_folder
from paddlemodel_server.access.keys import Client, KeySet
from paddlemodel_server.errors import StartError
from paddlemodel_server.ipc.access_page import AccessPage

LOOK_SECONDS: Final = 2.0

logger = logging.getLogger(__name__)


class Loop(Protocol):
    """An event loop, as far as timers go."""

    def call_later(self, delay: float, callback: Callable[[], None], /) -> object:
        """Call back after `delay` seconds."""


class Keys(Protocol):
    """A set of keys."""

    superseded: bool
    """Whether another set has taken its place."""


class Grant(NamedTuple):
    """Who asks; it holds as long as the keys do by which that was found, and no longer than `until`."""

    keys: Keys
    client: Client
    until: float = inf  # seconds since 1970


class Keyring:
    """The keys that are valid now."""

    def __init__(self, folder: Path, page: AccessPage) -> None:
        """Load the keys.

        Args:
            folder: where the Secret is mounted.
            page: where to tell what was found.

        Raises:
            StartError: there are no keys, or they cannot be used.
        """
        self._folder = folder
        self._page = page
        self._seen = secret_folder.fingerprint(folder)
        self.keys = KeySet(secret_folder.read(folder))
        page.write_keys(len(self.keys), outdated=False)

    def grant(self, headers: Mapping[str, str]) -> Grant | None:
        """Find out who asks; None where that says no valid key.

        Args:
            headers: of the request, by lower-case name.
        """
        client = self.keys.client(headers)
        return None if client is None else Grant(self.keys, client)

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
            keys = KeySet(secret_folder.read(self._folder))
        except StartError as error:
            self._page.write_keys(len(self.keys), outdated=True)
            kept = f"the keys from before stay valid, {len(self.keys)} of them"
            message = f"{error.message} Until that is repaired, {kept}."
            logger.error(message, extra={"reason": error.reason})  # noqa: TRY400 - the sentence says it all
        else:
            self.keys.superseded = True
            self.keys = keys
            self._page.write_keys(len(self.keys), outdated=False)
            logger.info("the API keys were renewed", extra={"keys": len(self.keys)})
