"""What changes while the adapter runs: its own key pair, and whom it trusts.

Both are read again every few seconds. What is missing is waited for, with a sentence for /readyz; what was
read once stays until something newer replaces it.
"""

import asyncio
import logging
import os
import ssl
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from paddlemodel_operator.base.errors import ApiError
from paddlemodel_operator.metrics_adapter import access
from paddlemodel_operator.registration import certificates

log = logging.getLogger(__name__)

KEY_SECONDS: Final = 2.0
"""Between two reads of the mounted key pair; the kubelet renews it within about a minute."""

RETRY_SECONDS: Final = 2.0
"""Between two attempts to learn whom to trust, while that is unknown."""

Pair = tuple[bytes, bytes]
"""Certificate chain and key, PEM."""

FetchTrust = Callable[[], Awaitable[dict[str, Any] | None]]


class Credentials:
    """`context` is for the next connection; `on_change` is called when old ones should end."""

    def __init__(self, folder: Path, fetch: FetchTrust, on_change: Callable[[], None]) -> None:
        self._folder = folder
        self._fetch = fetch
        self._on_change = on_change
        self._pair: Pair | None = None
        self._makeshift = _makeshift()
        self._expires: datetime | None = None
        self._key_complaint = f"there is no key pair in {folder} yet: the operator creates it"
        self._trust_complaint = "it is not known yet whom to trust: the API server has not been asked"
        self.trust: access.Trust | None = None
        self.context = _context(None, self._makeshift)

    def complaints(self) -> list[str]:
        """Why no request can be answered; empty when all is well."""
        found = [self._key_complaint, self._trust_complaint]
        if self._expires is not None and datetime.now(UTC) > self._expires:
            found.append(
                f"the certificate in {self._folder} expired at {self._expires:%Y-%m-%dT%H:%M:%SZ}: "
                "the operator renews it; is it running?"
            )
        return [text for text in found if text]

    async def watch_keys(self) -> None:
        """Load the key pair when it appears or changes, until cancelled."""
        while True:
            self._load_keys()
            await asyncio.sleep(KEY_SECONDS)

    async def watch_trust(self, seconds: float) -> None:
        """Ask whom to trust, until cancelled."""
        while True:
            try:
                await self._load_trust()
            except Exception:
                # A token that is being replaced, say: no reason to end, and the next read may succeed.
                log.exception("Reading whom to trust failed")
            await asyncio.sleep(seconds if self.trust else min(seconds, RETRY_SECONDS))

    def _load_keys(self) -> None:
        try:
            pair = (self._folder / "tls.crt").read_bytes(), (self._folder / "tls.key").read_bytes()
        except OSError as error:
            if self._pair is None:
                return  # The complaint of the beginning still holds.
            log.warning("The key pair has gone; going on with the last one", extra={"error": str(error)})
            return
        if pair == self._pair:
            return
        try:
            context = _context(self.trust, pair)
            expires = certificates.authorities(pair[0].decode())[0].not_valid_after_utc
        except (OSError, ValueError, IndexError) as error:
            # Perhaps one of the two files has changed and the other not yet: the next read decides.
            complaint = f"the key pair in {self._folder} cannot be used: {error}"
            self._key_complaint = complaint if self._pair is None else ""
            log.warning("The key pair cannot be used", extra={"error": str(error)})
            return
        self._pair, self._expires, self._key_complaint = pair, expires, ""
        log.info("Using the key pair in the folder", extra={"expires": expires.isoformat()})
        self._replace(context)

    async def _load_trust(self) -> None:
        try:
            trust = access.trust(await self._fetch())
            context = _context(trust, self._pair or self._makeshift) if trust != self.trust else None
        except (ApiError, access.TrustError, ssl.SSLError) as error:
            if self.trust is None:
                self._trust_complaint = f"it is not known yet whom to trust: {error}"
            log.warning("Cannot read whom to trust", extra={"error": str(error)})
            return
        if context is not None:
            self.trust, self._trust_complaint = trust, ""
            log.info("Trusting the front proxy", extra={"names": sorted(trust.names)})
            self._replace(context)

    def _replace(self, context: ssl.SSLContext) -> None:
        self.context = context
        self._on_change()
        if not self.complaints():
            log.info("Ready")


def _context(trust: access.Trust | None, pair: Pair) -> ssl.SSLContext:
    """Python's ssl reads a key pair only from a file: this one is in memory, and gone at once."""
    with os.fdopen(os.memfd_create("pair"), "wb") as file:
        file.write(pair[0] + b"\n" + pair[1])
        file.flush()
        return access.context(trust, f"/proc/self/fd/{file.fileno()}")


def _makeshift() -> Pair:
    """A pair that no client trusts, so that /readyz can be asked over TLS before there is a real one."""
    issued = certificates.issue("adapter-without-key-pair.invalid", datetime.now(UTC))
    return issued.certificate.encode(), issued.key.encode()
