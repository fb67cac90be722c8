"""API keys: which are valid, and whose is the one that came with a request; pure but for chance.

A key is kept as its BLAKE2b digest, under a key of its own that is made anew with each set. Who guesses
cannot know the digest of a guess, so how long a comparison takes tells nothing about the keys that there are,
and a set of a thousand keys is asked as fast as one of two.
"""

import binascii
import re
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from secrets import token_bytes
from typing import Final

from paddlemodel_api import contract

from paddlemodel_server.errors import StartError

LEAST: Final = 16  # characters of a key
MOST: Final = 512
MOST_KEYS: Final = 2000
API_KEY_HEADER, AUTHORIZATION = "x-api-key", "authorization"
_VISIBLE = re.compile(rb"[!-~]+")


@dataclass(frozen=True, slots=True)
class Client:
    """Who asks."""

    name: str


class KeySet:
    """All keys that are valid at one moment."""

    def __init__(self, entries: Mapping[str, bytes]) -> None:
        """Take them over.

        Args:
            entries: the keys by the name of their client, to which a dot and more may be added: `alice` and
                `alice.2` are two keys of one client.

        Raises:
            StartError: `ApiKeysMissing` or `ApiKeysInvalid`; no sentence has a key in it.
        """
        self.superseded = False
        self._salt = token_bytes(32)
        self._clients: dict[bytes, Client] = {}
        if not entries:
            raise StartError(
                contract.API_KEYS_MISSING,
                "There are no API keys: the Secret has an entry for each client, its name and its key.",
            )
        if len(entries) > MOST_KEYS:
            raise _invalid(f"there are {len(entries)} of them; at most {MOST_KEYS} are taken")
        clients: dict[str, Client] = {}
        for entry, content in sorted(entries.items()):
            name = entry.partition(".")[0]
            digest = self._digest(_checked(entry, content))
            if self._clients.get(digest, Client(name)).name != name:
                raise _invalid(f"{entry} has the same key as another client: give each client its own")
            self._clients[digest] = clients.setdefault(name, Client(name))

    def __len__(self) -> int:
        return len(self._clients)

    def client(self, headers: Mapping[str, str]) -> Client | None:
        """Whose key a request carries; None where it carries none that is valid.

        `X-API-Key: KEY` is asked first, for a proxy may use `Authorization` for itself; then
        `Authorization: Bearer KEY` and `Authorization: Basic`, whose password is the key and whose user is
        the client, or left out.

        Args:
            headers: of the request, by lower-case name; several of one name joined by ", ".
        """
        key = headers.get(API_KEY_HEADER)
        if key is not None:
            return self._find(key)
        scheme, _, rest = headers.get(AUTHORIZATION, "").partition(" ")
        match scheme.lower():
            case "bearer":
                return self._find(rest)
            case "basic":
                user, key = _decoded(rest)
                found = self._find(key)
                return found if found is not None and user in {"", found.name} else None
        return None

    def _find(self, key: str) -> Client | None:
        return self._clients.get(self._digest(key.strip().encode("latin1", "replace")))

    def _digest(self, key: bytes) -> bytes:
        return blake2b(key, key=self._salt, digest_size=32).digest()


def carried(headers: Mapping[str, str]) -> bool:
    """Whether a request carries anything that may be a key."""
    return API_KEY_HEADER in headers or AUTHORIZATION in headers


def _checked(entry: str, content: bytes) -> bytes:
    """The key of an entry of the Secret; a line end behind it is an editor's."""
    key = content.rstrip(b"\r\n")
    if not LEAST <= len(key) <= MOST:
        raise _invalid(f"that of {entry} has {len(key)} characters; take {LEAST} to {MOST}")
    if not _VISIBLE.fullmatch(key):
        raise _invalid(f"that of {entry} has a character that is no visible ASCII: take letters and digits")
    return key


def _invalid(what: str) -> StartError:
    return StartError(contract.API_KEYS_INVALID, f"The API keys cannot be used: {what}.")


def _decoded(text: str) -> tuple[str, str]:
    """User and password of HTTP's Basic scheme (RFC 7617); empty where it is none."""
    try:
        user, _, password = b64decode(text.strip(), validate=True).decode("latin1").partition(":")
    except (binascii.Error, ValueError):
        return "", ""
    return user, password
