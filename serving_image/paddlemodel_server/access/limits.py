"""Limits of requests: how they are written, what a request costs, what a client is told; pure.

A limit of R requests in S seconds with burst B is a bucket of B that fills up with R / S a second. It is
charged as time (GCRA): a request uses up S / R seconds, and B times that may be used up ahead.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Final

PER: Final = ("Client", "Address", "Model")
CLIENT, ADDRESS, MODEL = PER
MOST: Final = 8  # limits
MOST_REQUESTS: Final = 1_000_000
MOST_SECONDS: Final = 86_400
FORM: Final = (
    'a JSON list such as [{"per":"Address","requests":60,"seconds":60,"burst":10}], '
    f"of at most {MOST} limits per {', '.join(PER[:-1])} or {PER[-1]}"
)


@dataclass(frozen=True, kw_only=True)
class Limit:
    """At most so many requests, each for itself: of a client, from an address, or to the model."""

    per: str  # one of PER
    requests: int
    seconds: int
    burst: int  # requests that may come at once

    @property
    def cost_ns(self) -> int:
        """Nanoseconds of time that a request uses up."""
        return self.seconds * 1_000_000_000 // self.requests

    @property
    def most_ns(self) -> int:
        """Nanoseconds that may be used up ahead."""
        return self.burst * self.cost_ns


def read(text: str) -> tuple[Limit, ...]:
    """Read what `PADDLEMODEL_RATE_LIMITS` says; raises ValueError for anything but FORM."""
    entries: Any = json.loads(text)
    if not isinstance(entries, list) or not 0 < len(entries) <= MOST:
        raise ValueError(text)
    return tuple(_limit(entry) for entry in entries)


def headers(limit: Limit, left: int, wait_ns: int) -> tuple[tuple[str, str], ...]:
    """What an answer says of a limit, as draft-ietf-httpapi-ratelimit-headers-10 has it.

    Args:
        limit: the one that decides.
        left: requests that may come at once.
        wait_ns: nanoseconds until the next one may.
    """
    name = f'"{limit.per.lower()}"'
    return (
        ("RateLimit-Policy", f"{name};q={limit.requests};w={limit.seconds}"),
        ("RateLimit", f"{name};r={left};t={seconds(wait_ns)}"),
    )


def seconds(wait_ns: int) -> int:
    """Whole seconds until a client may ask again, at least one."""
    return max(1, ceil(wait_ns / 1e9))


def sentence(limit: Limit, wait_ns: int) -> str:
    """What a client reads that has asked too often."""
    whose = {CLIENT: "this client may send", ADDRESS: "this address may send", MODEL: "the model takes"}
    unit = "second" if seconds(wait_ns) == 1 else "seconds"
    return (
        f"More requests than {whose[limit.per]}: {limit.requests} in {limit.seconds} seconds; try again in "
        f"{seconds(wait_ns)} {unit}."
    )


def _limit(entry: Any) -> Limit:
    if not isinstance(entry, dict) or set(entry) - {"burst"} != {"per", "requests", "seconds"}:
        raise ValueError(entry)
    numbers = {"requests": MOST_REQUESTS, "seconds": MOST_SECONDS, "burst": MOST_REQUESTS}
    found = {"burst": entry["requests"], **entry}
    if found["per"] not in PER or any(not _fits(found[name], most) for name, most in numbers.items()):
        raise ValueError(entry)
    return Limit(**found)


def _fits(value: Any, most: int) -> bool:
    return type(value) is int and 1 <= value <= most


def of_kind(limits: Sequence[Limit], per: str) -> list[tuple[int, Limit]]:
    """The limits per client, address or model, with their numbers."""
    return [(number, limit) for number, limit in enumerate(limits) if limit.per == per]
