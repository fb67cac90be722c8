"""The only client of the pods' own metrics: GET /metrics of one pod, read without trust.

A page may be huge, slow, garbage or hostile, so it is scanned as it comes: never held as a whole, never
parsed beyond the few lines we know.
"""

import asyncio
import ipaddress
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol, Self

import aiohttp
from paddlemodel_api import contract

from paddlemodel_operator.base import names

SECONDS: Final = 2.0
"""From the connection to the page's last byte."""

MAX_BYTES: Final = 1 << 20
MAX_LINE_BYTES: Final = 4096
"""A longer line is no number of ours: its labels have exploded."""

MAX_VALUE: Final = 1e9
"""Beyond it (and below 0) a number is nonsense; and it always fits a Kubernetes quantity."""

AT_ONCE: Final = 128
"""Scrapes under way in one process."""

ENDED: Final = (
    "ends the connection without an answer, as the proxy of a service mesh does that demands mutual TLS"
)

WANTED: Final = (
    *contract.SCALING_METRICS,
    contract.API_KEYS_OUTDATED_METRIC,
    contract.JWT_KEYS_OUTDATED_METRIC,
    contract.SHARED_LIMITS_DOWN_METRIC,
    contract.CERTIFICATE_OUTDATED_METRIC,
    "paddle_queue_depth",
    "paddle_workers_ready",
    "paddle_gpu_seconds_total",
    "paddle_gpu_busy_seconds_total",
)
NVML_STATES: Final = ("ok", "loading", "mig", "library_missing", "no_device", "failed")

_TOKENS: Final = tuple((name, f"\n{name} ".encode()) for name in WANTED)
_NVML: Final = b'\npaddle_nvml_state{state="'
_CHUNK: Final = 16 * 1024


class ScrapeError(Exception):
    """A pod's metrics could not be read; the text completes "pod X …"."""


@dataclass(frozen=True, kw_only=True)
class Page:
    """What a pod says of itself: finite numbers without labels, and the state of NVML if there is one."""

    values: Mapping[str, float]
    nvml_state: str | None = None


class Scanner(Protocol):
    """Looks for something in a page that comes in pieces."""

    def feed(self, chunk: bytes) -> None:
        """The next piece."""


class Scraper:
    """One HTTP client per process, for any number of pods; use it as an async context manager."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        # One connection per page: a pod that drains is not held up by an idle connection of ours, and two
        # thousand pods cost no memory between two scrapes. Nothing of the environment, no cookies, no gzip.
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, force_close=True, use_dns_cache=False),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={
                "Accept": "text/plain",
                "Accept-Encoding": "identity",
                "User-Agent": names.FIELD_MANAGER,
            },
            auto_decompress=False,
            read_bufsize=_CHUNK,
            trust_env=False,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def read(self, address: str) -> Page:
        """The page of the pod at an IP address.

        Raises:
            ScrapeError: it cannot be had, and why.
        """
        scan = Scan()
        await self.feed(address, scan)
        return scan.page()

    async def feed(self, address: str, scan: Scanner) -> None:
        """Feed a page as it comes to who looks for something in it; a wait for a free slot is not the pod's.

        Raises:
            ScrapeError: it cannot be had to its end, and why.
        """
        url = _url(address)
        try:
            async with self._slots, asyncio.timeout(SECONDS):
                await self._page(url, scan)
        except TimeoutError as error:
            raise ScrapeError(f"does not answer /metrics within {SECONDS:g} s") from error
        except aiohttp.ClientConnectorError as error:
            raise ScrapeError(f"cannot be reached: {os.strerror(error.errno or 0)}") from error
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, ConnectionError) as error:
            raise ScrapeError(ENDED) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise ScrapeError(f"does not speak HTTP properly: {type(error).__name__}") from error

    async def _page(self, url: str, scan: Scanner) -> None:
        assert self._session is not None, "use Scraper as a context manager"  # noqa: S101 - our own mistake
        async with self._session.get(url, allow_redirects=False) as response:
            if response.status != 200:
                raise ScrapeError(f"answers /metrics with {response.status}")
            if response.headers.get("Content-Encoding", "identity") != "identity":
                raise ScrapeError("compresses /metrics though it was not asked to")
            size = 0
            async for chunk in response.content.iter_any():
                size += len(chunk)
                if size > MAX_BYTES:
                    raise ScrapeError(f"answers /metrics with more than {MAX_BYTES >> 20} MiB")
                scan.feed(chunk)


class Scan:
    """Finds the lines we know in a page that comes in pieces; pure."""

    def __init__(self) -> None:
        self._rest = b"\n"
        self._found: dict[str, list[bytes]] = {}
        self._states: list[bytes] = []

    def feed(self, chunk: bytes) -> None:
        """PodSamples at the lines that are complete now; what follows the last one waits."""
        block = self._rest + chunk
        end = block.rfind(b"\n")
        if end < 0:
            # The middle of an overlong line: nothing counts before its end.
            self._rest = b""
            return
        self._rest = block[end:] if len(block) - end <= MAX_LINE_BYTES else b""
        lines = block[: end + 1]
        for name, token in _TOKENS:
            for text in _after(lines, token, b"\n"):
                self._found.setdefault(name, []).append(text)
        self._states += _after(lines, _NVML, b'"')

    def page(self) -> Page:
        """All that was found; a last line without an end is no line, since a number may be cut in it."""
        values = {name: _number(texts) for name, texts in self._found.items()}
        states = [state.decode(errors="replace") for state in self._states]
        known = len(states) == 1 and states[0] in NVML_STATES
        return Page(
            values={name: value for name, value in values.items() if value is not None},
            nvml_state=states[0] if known else None,
        )


def _after(block: bytes, token: bytes, end: bytes) -> list[bytes]:
    """What follows the first two occurrences of a token: the second one only proves the first worthless."""
    found: list[bytes] = []
    at = block.find(token)
    while at >= 0 and len(found) < 2:
        start = at + len(token)
        found.append(block[start : block.find(end, start)][:64])
        at = block.find(token, start)
    return found


def _number(texts: list[bytes]) -> float | None:
    """A value, with or without a timestamp behind it; None if it occurs twice or makes no sense."""
    if len(texts) != 1:
        return None
    try:
        value = float(texts[0].split()[0])
    except (ValueError, IndexError):
        return None
    return value if math.isfinite(value) and 0 <= value <= MAX_VALUE else None


def _url(address: str) -> str:
    """Only an address, never a name; and none that is link-local, multicast or unspecified."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError as error:
        raise ScrapeError("has no IP address") from error
    # An IPv4 address in IPv6's clothes is judged as what it is.
    found = getattr(found, "ipv4_mapped", None) or found
    if getattr(found, "scope_id", None) or found.is_link_local or found.is_multicast or found.is_unspecified:
        raise ScrapeError(f"has an address that is no pod's: {found}")
    host = f"[{found}]" if found.version == 6 else str(found)
    return f"http://{host}:{contract.ADMIN_PORT}/metrics"
