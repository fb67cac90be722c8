"""Adds what requests cost to numbers in a Valkey or Redis; the one door to redis-py."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.credentials import CredentialProvider
from redis.exceptions import AuthenticationError

from paddlemodel_server.access import secret_folder

SECONDS: Final = 1.0  # for a connection, and for an answer; no request waits for it
_SCRIPT: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local unpaid = {}
for i, key in ipairs(KEYS) do
  local due = tonumber(redis.call('GET', key) or 0)
  if due < now then due = now end
  due = due + tonumber(ARGV[i])
  redis.call('SET', key, string.format('%.0f', due), 'PX', math.ceil((due - now) / 1000) + 1000)
  unpaid[i] = math.ceil(due - now)
end
return unpaid
"""
"""Microseconds by the store's own clock: pods' clocks need not agree. A number goes once it is paid."""


class StoreError(Exception):
    """The store does not answer, or not as it should; the text has no password in it."""


class Store(Protocol):
    """Numbers that pods share."""

    async def add(self, costs_us: Mapping[str, float]) -> Sequence[int]:
        """Add to numbers, and say how many microseconds are unpaid of each; raises StoreError."""

    async def close(self) -> None:
        """Leave it."""


class Valkey:
    """A Valkey or Redis."""

    def __init__(self, uri: str, folder: Path | None) -> None:
        """Connect once it is needed.

        Args:
            uri: its address.
            folder: of the mounted Secret with the password; None where there is none.
        """
        self._client = Redis.from_url(
            uri,
            credential_provider=None if folder is None else _Mounted(folder),
            socket_timeout=SECONDS,
            socket_connect_timeout=SECONDS,
            single_connection_client=True,
            retry=Retry(NoBackoff(), 0),
            protocol=2,  # asks for no right but AUTH, SELECT and those of the script
        )

    async def add(self, costs_us: Mapping[str, float]) -> Sequence[int]:
        """Add to numbers; of none at all: see whether it answers."""
        try:
            answer = await self._client.eval(_SCRIPT, len(costs_us), *costs_us, *costs_us.values())
        except Exception as error:  # noqa: BLE001 - whatever answers there, the pod counts on
            raise StoreError(f"{type(error).__name__}: {error}") from None
        if not isinstance(answer, list) or len(answer) != len(costs_us):
            raise StoreError("it is no Valkey or Redis.")
        return answer

    async def close(self) -> None:
        """Leave it."""
        await self._client.aclose()


class _Mounted(CredentialProvider):
    """User and password as the Secret says now: it is read for each connection."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        """The password, behind the user where there is one."""
        found = secret_folder.read(self._folder)
        password, user = (
            found.get(entry, b"").decode("utf8", "replace").rstrip("\r\n")
            for entry in ("password", "username")
        )
        if not password:
            raise AuthenticationError(
                "the Secret of spec.access.sharedLimits does not exist, or has no entry password"
            )
        return (user, password) if user else (password,)
