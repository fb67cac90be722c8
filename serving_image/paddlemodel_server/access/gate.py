"""What `spec.access` comes to in one HTTP worker: keys, tokens, limits, and the certificate of the port."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from secrets import token_bytes
from typing import TYPE_CHECKING

from paddlemodel_server.access import addresses, limits
from paddlemodel_server.access import cors as pages
from paddlemodel_server.access.identification import Identification
from paddlemodel_server.access.keyring import Keyring
from paddlemodel_server.access.limiter import Limiter
from paddlemodel_server.errors import StartError
from paddlemodel_server.ipc import access_page, limit_table
from paddlemodel_server.ipc.access_page import AccessPage
from paddlemodel_server.ipc.limit_table import LimitTable
from paddlemodel_server.settings import Settings

if TYPE_CHECKING:
    from paddlemodel_server.access.certificate import Certificate
    from paddlemodel_server.access.shared.exchange import Exchange
    from paddlemodel_server.access.tokens.verifier import Verifier


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
            page=access_page.create() if any(_watched(settings)) else None,
            limits=limit_table.create(len(found), token_bytes(limit_table.SALT_BYTES)) if found else None,
        )


@dataclass(frozen=True, kw_only=True)
class Gate:
    """What a request has to pass; each part may be missing."""

    identification: Identification | None = None
    limiter: Limiter | None = None
    certificate: "Certificate | None" = None
    cors: pages.Cors | None = None


def of(
    settings: Settings, shared: Mapping[str, int | None], is_alone: Callable[[], bool] | None = None
) -> Gate | None:
    """The gate of a server; None where `spec.access` would be empty.

    Args:
        settings: the server's.
        shared: the descriptors of `Shared`.
        is_alone: whether no other HTTP worker counts by the limits yet.

    Raises:
        StartError: a setting is wrong, or there are no keys or no certificate, or they cannot be used.
    """
    page, table, proxies = shared.get("page"), shared.get("limits"), _proxies(settings)
    identification = limiter = certificate = None
    cors = _cors(settings)
    if _asks(settings) and page is not None:
        identification = _identification(settings, AccessPage(page))
    if (found := _limits(settings)) and table is not None:
        own = LimitTable(table, len(found), is_alone)
        exchange = _exchange(settings, own, page)
        limiter = Limiter(found, proxies, own, time.monotonic_ns, exchange)
    if settings.tls_dir is not None and page is not None:
        # OpenSSL takes the supervisor 25 ms, which only servers with `tls` pay.
        from paddlemodel_server.access.certificate import Certificate  # noqa: PLC0415

        certificate = Certificate(settings.tls_dir, AccessPage(page))
    if not (identification or limiter or certificate or cors):
        return None
    return Gate(identification=identification, limiter=limiter, certificate=certificate, cors=cors)


def _watched(settings: Settings) -> tuple[object, ...]:
    """What the HTTP workers look at, and tell of by the page."""
    return settings.api_keys_dir, settings.jwt, settings.tls_dir, settings.shared_limits


def _exchange(settings: Settings, table: LimitTable, page: int | None) -> "Exchange | None":
    """By which pods count together; redis-py takes 0.2 s, which only such servers pay."""
    if not settings.shared_limits or page is None:
        return None
    from paddlemodel_server.access.shared import place  # noqa: PLC0415
    from paddlemodel_server.access.shared.exchange import Exchange  # noqa: PLC0415
    from paddlemodel_server.access.shared.store import Valkey  # noqa: PLC0415

    try:
        found = place.read(settings.shared_limits)
    except ValueError:
        raise _wrong("PADDLEMODEL_SHARED_LIMITS", settings.shared_limits, place.FORM) from None
    store = Valkey(found.uri, settings.shared_limits_dir)
    return Exchange(table, time.monotonic_ns, store, found, AccessPage(page))


def _asks(settings: Settings) -> bool:
    return settings.api_keys_dir is not None or bool(settings.jwt)


def _identification(settings: Settings, page: AccessPage) -> Identification:
    keyring = Keyring(settings.api_keys_dir, page) if settings.api_keys_dir is not None else None
    return Identification(settings.name, keyring, _verifier(settings, page) if settings.jwt else None)


def _verifier(settings: Settings, page: AccessPage) -> "Verifier":
    """PyJWT and cryptography take 0.1 s and 10 MB, which only servers with `jwt` pay."""
    from paddlemodel_server.access.tokens import issuer, source  # noqa: PLC0415
    from paddlemodel_server.access.tokens.verifier import Verifier  # noqa: PLC0415

    try:
        found, folder = issuer.read(settings.jwt), settings.jwt_keys_dir
    except ValueError:
        raise _wrong("PADDLEMODEL_JWT", settings.jwt, issuer.FORM) from None
    if bool(found.uri) == (folder is not None):
        raise StartError(
            "InvalidSettings",
            "The issuer's keys of PADDLEMODEL_JWT come from one place: set its keys.uri, or "
            "PADDLEMODEL_JWT_KEYS_DIR, and leave out the other.",
        )
    place = source.FetchedKeys(found.uri) if folder is None else source.MountedKeys(folder)
    return Verifier(found, place, page)


def _limits(settings: Settings) -> tuple[limits.Limit, ...]:
    if not settings.rate_limits:
        if settings.shared_limits:
            raise StartError(
                "InvalidSettings",
                "PADDLEMODEL_SHARED_LIMITS is for limits, and there are none; set "
                "PADDLEMODEL_RATE_LIMITS, or leave it out.",
            )
        return ()
    try:
        found = limits.read(settings.rate_limits)
    except ValueError:
        raise _wrong("PADDLEMODEL_RATE_LIMITS", settings.rate_limits, limits.FORM) from None
    if not _asks(settings) and limits.of_kind(found, limits.CLIENT):
        raise StartError(
            "InvalidSettings",
            "PADDLEMODEL_RATE_LIMITS has a limit per Client, and clients are told apart by their keys or "
            "tokens; set PADDLEMODEL_API_KEYS_DIR or PADDLEMODEL_JWT, or limit per Address.",
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
