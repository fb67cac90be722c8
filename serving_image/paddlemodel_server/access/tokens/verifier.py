"""Finds out whose token it is, as one HTTP worker does: verified once, and remembered by its digest.

The keys are loaded before the fork, so that unusable keys end the start. Later on, keys that cannot
be used or fetched change nothing: those before them stay valid; the log and /metrics tell of it.
"""

import logging
import time
from hashlib import blake2b
from secrets import token_bytes
from typing import Any, Final, Protocol

from paddlemodel_server.access.keyring import LOOK_SECONDS, Grant
from paddlemodel_server.access.keyring import Loop as Timers
from paddlemodel_server.access.keys import Client
from paddlemodel_server.access.tokens.issuer import Issuer
from paddlemodel_server.access.tokens.key_set import LEEWAY_SECONDS, TokenKeys, UnknownKeyError
from paddlemodel_server.access.tokens.source import Loop as Threads
from paddlemodel_server.access.tokens.source import Source
from paddlemodel_server.errors import (
    ForbiddenError,
    StartError,
    TokenKeysComingError,
    UnauthorizedError,
)
from paddlemodel_server.ipc.access_page import AccessPage

MOST: Final = 4096  # tokens that are remembered
PREFIX: Final = "jwt:"  # of their clients' names: no client of apiKeys has a colon in its name
_NEVER: Final = 1 << 52  # seconds since 1970

logger = logging.getLogger(__name__)


class Loop(Timers, Threads, Protocol):
    """An event loop."""


class Verifier:
    """The tokens that are valid now."""

    def __init__(self, issuer: Issuer, source: Source, page: AccessPage) -> None:
        """Load the keys.

        Args:
            issuer: whose tokens are taken.
            source: where its keys are.
            page: where to tell what was found.

        Raises:
            StartError: there are no keys, or they cannot be used.
        """
        self._issuer = issuer
        self._source = source
        self._page = page
        self._salt = token_bytes(32)
        self._grants: dict[bytes, Grant] = {}
        self._loop: Loop | None = None
        self._told = ""  # what is wrong; not again and again
        self._content = source.first()
        self.keys = TokenKeys(self._content)
        page.write_token_keys(len(self.keys), outdated=False)

    def grant(self, token: str) -> Grant:
        """Find out who asks.

        Raises:
            UnauthorizedError: the token is not valid.
            ForbiddenError: it is, and its client may not use the model.
            TokenKeysComingError: its key is not known yet.
        """
        digest = blake2b(token.encode("latin1", "replace"), key=self._salt, digest_size=32).digest()
        grant = self._grants.get(digest)
        if grant is not None and grant.until > time.time():
            return grant
        try:
            claims = self.keys.claims(token, self._issuer)
        except UnknownKeyError:
            if self._source.ask(self._loop, self._take):
                raise TokenKeysComingError from None
            raise UnauthorizedError("The key that has signed this request's token is not known.") from None
        until = min(int(claims["exp"]), _NEVER) + LEEWAY_SECONDS
        grant = Grant(self.keys, Client(PREFIX + self._client(claims)), until)
        if len(self._grants) >= MOST:
            self._grants.clear()
        self._grants[digest] = grant
        return grant

    def _client(self, claims: Any) -> str:
        name = claims.get(self._issuer.claim)
        if not isinstance(name, str) or not name:
            raise UnauthorizedError("The token of this request does not say who its client is.")
        if not self._issuer.allows(name):
            raise ForbiddenError
        return name

    def watch(self, loop: Loop) -> None:
        """Look at the keys, and do so again and again."""
        self._loop = loop
        loop.call_later(LOOK_SECONDS, lambda: self.watch(loop))
        self._source.look(loop, self._take)

    def _take(self, found: bytes | StartError) -> None:
        """Take over keys that have changed."""
        try:
            if isinstance(found, StartError):
                raise found
            keys = self.keys if found == self._content else TokenKeys(found)
        except StartError as error:
            self._page.write_token_keys(len(self.keys), outdated=True)
            if error.message != self._told:
                self._told = error.message
                message = f"{error.message} Until that is repaired, the keys from before stay valid."
                logger.error(message, extra={"reason": error.reason})  # noqa: TRY400 - the sentence says it all
            return
        self._told = ""
        self._page.write_token_keys(len(keys), outdated=False)
        if keys is not self.keys:
            self.keys.superseded = True
            self.keys, self._content, self._grants = keys, found, {}
            logger.info("the issuer's keys were renewed", extra={"keys": len(keys)})
