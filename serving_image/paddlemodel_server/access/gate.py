"""What `spec.access` comes to in one HTTP worker: keys, limits, and the certificate of the port."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from secrets import token_bytes

from paddlemodel_server.access import addresses, limits
from paddlemodel_server.access import cors as pages
from paddlemodel_server.access.certificate import Certificate
from paddlemodel_server.access.keyring import Keyring
from paddlemodel_server.access.limiter import Limiter
from paddlemodel_server.errors import StartError
from paddlemodel_server.ipc import access_page, limit_table
from paddlemodel_server.ipc.access_page import AccessPage
from paddlemodel_server.ipc.limit_table import LimitTable
from paddlemodel_server.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Shared:
    """Descriptors of what all HTTP workers share; None for what the settings do not ask for."""

    page: int | None = None
    limits: int | None = None

    @classmethod
    def create(cls, settings: Settings) -> "Shared":
        """Make it, for the children to inherit; a StartError says which setting is wrong."""
        found = _limits(settings)
        return cls(
            page=access_page.create() if settings.api_keys_dir or settings.tls_dir else None,
            limits=limit_table.create(len(found), token_bytes(limit_table.SALT_BYTES)) if found else None,
        )


@dataclass(frozen=True, kw_only=True)
class Gate:
    """What a request has to pass; each part may be missing."""

    keyring: Keyring | None = None
    limiter: Limiter | None = None
    certificate: Certificate | None = None
    cors: pages.Cors | None = None


def of(settings: Settings, shared: Mapping[str, int | None]) -> Gate | None:
    """The gate of a server; None where `spec.access` would be empty.

    Args:
        settings: the server's.
        shared: the descriptors of `Shared`.

    Raises:
        StartError: a setting is wrong, or there are no keys or no certificate, or they cannot be used.
    """
    page, table, proxies = shared.get("page"), shared.get("limits"), _proxies(settings)
    keyring = limiter = certificate = None
    cors = _cors(settings)
    if settings.api_keys_dir is not None and page is not None:
        keyring = Keyring(settings.name, settings.api_keys_dir, AccessPage(page))
    if (found := _limits(settings)) and table is not None:
        limiter = Limiter(found, proxies, LimitTable(table, len(found)), time.monotonic_ns)
    if settings.tls_dir is not None and page is not None:
        certificate = Certificate(settings.tls_dir, AccessPage(page))
    if not (keyring or limiter or certificate or cors):
        return None
    return Gate(keyring=keyring, limiter=limiter, certificate=certificate, cors=cors)


def _limits(settings: Settings) -> tuple[limits.Limit, ...]:
    if not settings.rate_limits:
        return ()
    try:
        found = limits.read(settings.rate_limits)
    except ValueError:
        raise _wrong("PADDLEMODEL_RATE_LIMITS", settings.rate_limits, limits.FORM) from None
    if settings.api_keys_dir is None and limits.of_kind(found, limits.CLIENT):
        raise StartError(
            "InvalidSettings",
            "PADDLEMODEL_RATE_LIMITS has a limit per Client, and clients are told apart by their keys; set "
            "PADDLEMODEL_API_KEYS_DIR, or limit per Address.",
        )
    return found


def _proxies(settings: Settings) -> addresses.Proxies | None:
    if not settings.trusted_proxies:
        return None
    if not limits.of_kind(_limits(settings), limits.ADDRESS):
        raise StartError(
            "InvalidSettings",
            "PADDLEMODEL_TRUSTED_PROXIES is for limits per Address, and there is none; set "
            "PADDLEMODEL_RATE_LIMITS to one, or leave it out.",
        )
    try:
        return addresses.read(settings.trusted_proxies)
    except ValueError:
        raise _wrong("PADDLEMODEL_TRUSTED_PROXIES", settings.trusted_proxies, addresses.FORM) from None


def _cors(settings: Settings) -> pages.Cors | None:
    try:
        return pages.read(settings.cors) if settings.cors else None
    except ValueError:
        raise _wrong("PADDLEMODEL_CORS", settings.cors, pages.FORM) from None


def _wrong(variable: str, text: str, form: str) -> StartError:
    shown = text if len(text) <= 80 else text[:80] + "…"
    return StartError("InvalidSettings", f"{variable} is {shown!r}; set it to {form}.")
