"""Brings one file from a source to the disk, whole or not at all.

A broken transfer goes on where it stopped when the source can prove that the file is still the same one.
"""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from paddlemodel_server.errors import StartError
from paddlemodel_server.fetch import parallel
from paddlemodel_server.fetch.digesting import Digest
from paddlemodel_server.fetch.retry_policy import Attempts, RetryPolicy
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


@dataclass(kw_only=True)
class Progress:
    """What was brought of all files, reported now and then."""

    total: int | None = None  # bytes of all, where the listing tells
    files: int = 1
    received: int = 0
    reported_at: float = field(default_factory=time.monotonic)

    def add(self, count: int) -> None:
        """So many bytes came, or a restart threw so many away (then less than 0)."""
        self.received += count
        if time.monotonic() - self.reported_at >= _PROGRESS_SECONDS:
            self.tell("downloading")

    def tell(self, event: str) -> None:
        """A line in the log."""
        self.reported_at = time.monotonic()
        percent = 100 * self.received // self.total if self.total else None
        more = {"files": self.files} if self.files > 1 else {}
        _LOG.info(event, extra={"received": self.received, "total": self.total, "percent": percent, **more})


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
    progress: Progress
    digest: Digest = field(default_factory=Digest)
    received: int = 0
    total: int | None = None
    validator: str | None = None  # proves that the rest belongs to what we have
    encoding: str = ""

    def restart(self) -> None:
        self.file.seek(0)
        self.file.truncate()
        self.digest = Digest()
        self.progress.add(-self.received)
        self.received = 0
        self.validator = None

    def follow(self, reading: Reading) -> None:
        """Let what follows continue the file, or start it anew."""
        if reading.offset != self.received:
            self.restart()
        self.validator, self.encoding, self.total = reading.validator, reading.encoding, reading.size
        self.check_size(self.total or 0)
        if self.progress.files == 1:
            self.progress.total = self.total
        if self.received:
            self.progress.tell("resuming")

    def add(self, data: bytes) -> None:
        self.received += len(data)
        self.check_size(self.received)
        self.digest.add(data)
        self.file.write(data)
        self.progress.add(len(data))

    def finished(self, wanted: File) -> Brought:
        """What was brought, if it is all of it."""
        if self.total is not None and self.received != self.total:
            raise TryAgainError(f"the body ended after {self.received} of {self.total} bytes")
        found = self.digest.hexdigest()
        if wanted.sha256 is not None and found != wanted.sha256:
            name = printable(wanted.path) or "the file"
            raise TryAgainError(f"{name} came with another sha256 than the place promises", restart=True)
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
        attempts = Attempts(retries=self.retries)
        while True:
            try:
                return self.source.listing(self.request)
            except TryAgainError as error:
                attempts.failed(error)

    def validator(self, wanted: File) -> str | None:
        """What the place tells of a file when it is opened.

        Raises:
            StartError: `Unreachable`, and whatever the source raises.
        """
        attempts = Attempts(retries=self.retries)
        while True:
            try:
                with self.source.read(self.request, Part(path=wanted.path)) as reading:
                    return reading.validator
            except TryAgainError as error:
                attempts.failed(error)

    def bring(self, wanted: File, into: Path, max_bytes: int, progress: Progress | None = None) -> Brought:
        """Bring one of the source's files to the new file `into`.

        Args:
            wanted: as Listing.files has it.
            into: where it shall lie.
            max_bytes: what it may have.
            progress: of all files, if this is one of many.

        Raises:
            StartError: `TooLarge`, `Unreachable`, and whatever the source raises.
            ChangedError: the listing is out of date.
        """
        attempts = Attempts(retries=self.retries)
        with into.open("wb") as file:
            transfer = _Transfer(file=file, max_bytes=max_bytes, progress=progress or Progress())
            transfer.check_size(wanted.size or 0)
            while True:
                try:
                    return self._attempt(wanted, transfer)
                except TryAgainError as error:
                    received = transfer.received
                    if error.restart or not transfer.validator:
                        transfer.restart()
                    attempts.failed(error, received)

    def _attempt(self, wanted: File, transfer: _Transfer) -> Brought:
        validator = transfer.validator or wanted.validator
        part = Part(path=wanted.path, offset=transfer.received, validator=validator)
        wide = self.source.parallel and wanted.validator and wanted.size is not None
        with self._side_by_side(wanted, part) if wide else self.source.read(self.request, part) as reading:
            transfer.follow(reading)
            for data in reading.chunks:
                transfer.add(data)
        return transfer.finished(wanted)

    @contextmanager
    def _side_by_side(self, wanted: File, rest: Part) -> Iterator[Reading]:
        """The rest of a file, several parts at once, each with attempts of its own."""
        over = threading.Event()

        def ask(begin: int, length: int) -> list[bytes]:
            attempts = Attempts(retries=self.retries, rest=over.wait)
            chunks: list[bytes] = []
            while not over.is_set():
                received = sum(map(len, chunks))
                part = replace(rest, offset=begin + received, length=length - received)
                try:
                    self._ask(part, chunks)
                except TryAgainError as error:
                    attempts.failed(error, sum(map(len, chunks)))
                else:
                    break
            return chunks

        try:
            yield Reading(
                chunks=parallel.in_order(ask, rest.offset, wanted.size or 0),
                offset=rest.offset,
                size=wanted.size,
                validator=wanted.validator,
            )
        finally:
            over.set()

    def _ask(self, part: Part, chunks: list[bytes]) -> None:
        """Add the bytes of a part."""
        wanted = received = part.length or 0
        with self.source.read(self.request, part) as reading:
            for data in reading.chunks:
                received -= len(data)
                chunks.append(data)
        if received < 0:
            chunks.clear()
        if received:
            raise TryAgainError(f"a part ended after {wanted - received} of {wanted} bytes")
