"""Where pods count together: `PADDLEMODEL_SHARED_LIMITS`; pure."""

import json
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

from paddlemodel_server.access.limits import Limit

FORM: Final = 'a JSON object such as {"uri":"redis://valkey.limits.svc:6379/0","prefix":"default/resnet50"}'


@dataclass(frozen=True, kw_only=True)
class Place:
    """A Valkey or Redis, and whose numbers these are in it."""

    uri: str
    prefix: str  # unique to the model

    def key(self, limit: Limit, subject: str) -> str:
        """The name of a number.

        It has no client and no address in it, and another limit has another one. The braces keep those of a
        model in one slot, as a cluster wants it of a script's.
        """
        wanted = f"{limit.per} {limit.requests} {limit.seconds} {limit.burst} {subject}"
        digest = blake2b(wanted.encode(), digest_size=16, person=b"paddlemodel").hexdigest()
        return f"{{{self.prefix}}}:{digest}"


def read(text: str) -> Place:
    """Read what the setting says; raises ValueError for anything but FORM."""
    found: Any = json.loads(text)
    if not isinstance(found, dict) or set(found) != {"uri", "prefix"}:
        raise ValueError(text)
    if not all(isinstance(one, str) and one for one in found.values()):
        raise ValueError(text)
    if not found["uri"].startswith(("redis://", "rediss://")) or "@" in found["uri"]:
        raise ValueError(text)
    return Place(**found)
