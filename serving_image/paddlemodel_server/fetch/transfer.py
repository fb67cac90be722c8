"""Brings one file from a source to the disk, whole or not at all.

Init containers start while proxies, DNS and object stores wake up, so everything that may heal is tried again
with growing pauses, and a broken transfer goes on where it stopped when the source can prove that the file is
still the same one.
"""

import hashlib
import logging
import random
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from paddlemodel_server.errors import StartError
from paddlemodel_server.fetch.sources.source import (
    File,
    Listing,
    Part,
    Reading,
    Request,
    Source,
    TryAgainError,
)
from paddlemodel_server.model.files import printable

_LOG = logging.getLogger(__name__)
_PROGRESS_SECONDS = 10.0
_PROGRESS_THAT_COUNTS = 1 << 20


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """How often to come back."""

    attempts: int = 6  # in a row without progress
    first_pause: float = 0.5  # seconds
    longest_pause: float = 30.0

    def pause(self, failures: int) -> float:
        """The pause after so many failures, with jitter: many pods may have failed at the same moment."""
        jitter = random.uniform(0.5, 1.0)  # noqa: S311 - no secret
        return jitter * min(self.longest_pause, self.first_pause * 2.0 ** (failures - 1))


@dataclass(frozen=True, kw_only=True)
class Brought:
    """A file that lies on the disk now."""

    digest: str  # sha256:…
    size: int  # bytes
    encoding: str = ""  # as Reading.encoding
    validator: str | None = None  # as Reading.validator


@dataclass(kw_only=True)
class _Transfer:
    """What is already on the disk."""

    file: BinaryIO
    max_bytes: int
    one_of_many: bool = False  # then nobody wants to read of each
    sha256: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    received: int = 0
    total: int | None = None
    validator: str | None = None  # proves that the rest belongs to what we have
    encoding: str = ""
    reported_at: float = field(default_factory=time.monotonic)

    def restart(self) -> None:
        self.file.seek(0)
        self.file.truncate()
        self.sha256 = hashlib.sha256()
        self.received = 0
        self.validator = None

    def follow(self, reading: Reading) -> None:
        """Let what follows continue the file, or start it anew."""
        if reading.offset != self.received:
            self.restart()
        self.validator, self.encoding, self.total = reading.validator, reading.encoding, reading.size
        self.check_size(self.total or 0)
        self.tell("resuming" if self.received else "downloading")

    def add(self, data: bytes) -> None:
        self.received += len(data)
        self.check_size(self.received)
        self.sha256.update(data)
        self.file.write(data)
        if time.monotonic() - self.reported_at >= _PROGRESS_SECONDS:
            self.tell("downloading")

    def finished(self, wanted: File) -> Brought:
        """What was brought, if it is all of it."""
        if self.total is not None and self.received != self.total:
            raise TryAgainError(f"the body ended after {self.received} of {self.total} bytes")
        found = self.sha256.hexdigest()
        if wanted.sha256 is not None and found != wanted.sha256:
            name = printable(wanted.path) or "the file"
            raise TryAgainError(f"{name} came with another sha256 than the place promises", restart=True)
        self.tell("downloaded")
        return Brought(
            digest=f"sha256:{found}", size=self.received, encoding=self.encoding, validator=self.validator
        )

    def check_size(self, size: int) -> None:
        if size > self.max_bytes:
            raise StartError(
                "TooLarge",
                f"The model is larger than {self.max_bytes} bytes; keep only its files in the archive or "
                "folder.",
            )

    def tell(self, event: str) -> None:
        self.reported_at = time.monotonic()
        percent = 100 * self.received // self.total if self.total else None
        level = logging.DEBUG if self.one_of_many else logging.INFO
        _LOG.log(level, event, extra={"received": self.received, "total": self.total, "percent": percent})


@dataclass(frozen=True, kw_only=True)
class Courier:
    """Brings what one URI names."""

    source: Source
    request: Request
    retries: RetryPolicy = field(default_factory=RetryPolicy)

    def listing(self) -> Listing:
        """What there is.

        Raises:
            StartError: `Unreachable`, and whatever the source raises.
        """
        failures = 0
        while True:
            try:
                return self.source.listing(self.request)
            except TryAgainError as error:
                failures += 1
                self._rest(failures, error)

    def bring(self, wanted: File, into: Path, max_bytes: int) -> Brought:
        """Bring one of the source's files to the new file `into`.

        Args:
            wanted: as Listing.files has it.
            into: where it shall lie.
            max_bytes: what it may have.

        Raises:
            StartError: `TooLarge`, `Unreachable`, and whatever the source raises.
            ChangedError: the listing is out of date.
        """
        failures, best = 0, 0
        with into.open("wb") as file:
            transfer = _Transfer(file=file, max_bytes=max_bytes, one_of_many=bool(wanted.path))
            transfer.check_size(wanted.size or 0)
            while True:
                try:
                    return self._attempt(wanted, transfer)
                except TryAgainError as error:
                    if transfer.received >= best + _PROGRESS_THAT_COUNTS:
                        failures, best = 0, transfer.received
                    failures += 1
                    if error.restart or not transfer.validator:
                        transfer.restart()
                    self._rest(failures, error)

    def _attempt(self, wanted: File, transfer: _Transfer) -> Brought:
        validator = transfer.validator or wanted.validator
        part = Part(path=wanted.path, offset=transfer.received, validator=validator)
        with self.source.read(self.request, part) as reading:
            transfer.follow(reading)
            for data in reading.chunks:
                transfer.add(data)
        return transfer.finished(wanted)

    def _rest(self, failures: int, error: TryAgainError) -> None:
        if failures >= self.retries.attempts:
            raise StartError(
                "Unreachable",
                f"The download failed {failures} times, at last because {error}; "
                "check the URI and that the pod may reach it.",
            ) from error
        pause = max(self.retries.pause(failures), min(error.pause, self.retries.longest_pause))
        _LOG.warning("attempt failed: %s", error, extra={"attempt": failures, "pause": round(pause, 1)})
        time.sleep(pause)
