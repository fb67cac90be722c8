"""A key is renewed while two clients ask at a pace: who is refused, and how soon the old key is."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.access import paced
from benchmarks.serving.load import Target
from tests.serving_image.support.access.mounts import mount

OLD, NEW, OTHER = "benchmark-old-0123456789", "benchmark-new-0123456789", "benchmark-other-0123456789"
_CONNECTIONS = 4  # of each client


@dataclass(frozen=True, kw_only=True)
class Rotation:
    """What came of it.

    Attributes:
        seconds: of load with valid keys.
        statuses: of its requests.
        until_refused: seconds from the removal of the old key to its first 401.
    """

    seconds: float
    statuses: list[int]
    until_refused: float


def rotated(target: Target, folder: Path, rate: float, seconds: float) -> Rotation:
    """Mount the new key beside the old one, let the client change, and take the old one away.

    Args:
        target: of the server that reads the keys of `folder`, without a key.
        folder: mounted with `OLD` as alice's key and `OTHER` as bob's.
        rate: requests per second of both clients together.
        seconds: of load before the client changes its key, and after it.
    """
    both = {"alice": OLD, "alice__2": NEW, "bob": OTHER}
    first = _asked(target, OLD, rate, seconds, lambda: mount(folder, **both))
    removed: list[float] = []

    def remove() -> None:
        mount(folder, alice=NEW, bob=OTHER)
        removed.append(time.monotonic())

    refused = threading.Thread(target=lambda: removed.append(_refused(target)))
    refused.start()
    second = _asked(target, NEW, rate, seconds, remove)
    refused.join()
    return Rotation(
        seconds=first.seconds + second.seconds,
        statuses=first.statuses + second.statuses,
        until_refused=removed[1] - removed[0],
    )


def _asked(
    target: Target, alice: str, rate: float, seconds: float, amid: Callable[[], object]
) -> paced.Paced:
    timer = threading.Timer(seconds / 2, amid)
    timer.start()
    found = paced.asked([_keyed(target, key) for key in (alice, OTHER)], rate / 2, _CONNECTIONS, seconds)
    timer.join()
    return found


def _refused(target: Target) -> float:
    """When the old key was refused for the first time; it is asked for ten times a second."""
    while 401 not in paced.asked([_keyed(target, OLD)], 10, 1, 0.1).statuses:
        pass
    return time.monotonic()


def _keyed(target: Target, key: str) -> Target:
    return replace(target, headers={**target.headers, "X-API-Key": key})
