"""What went wrong at an object store, in our words. Pure.

The client's texts hold addresses and XML, so they are searched for the provider's code and never quoted.
"""

import re

from paddlemodel_server.errors import StartError
from paddlemodel_server.fetch.sources.place import Place
from paddlemodel_server.fetch.sources.source import ChangedError, TryAgainError

_NO_BUCKET = ("NoSuchBucket", "ContainerNotFound", "The specified bucket does not exist")
_EXPIRED = (
    "ExpiredToken",
    "TokenRefreshRequired",
    "RequestExpired",
    "Signature not valid in the specified time",
)
_SKEWED = ("RequestTimeTooSkewed", "RequestIsNotValidBefore")
_UNKNOWN = (
    *("InvalidAccessKeyId", "SignatureDoesNotMatch", "AuthenticationFailed", "InvalidToken"),
    *("InvalidAuthenticationInfo", "invalid_grant", "UnrecognizedClient", "InvalidSecurity"),
)
_REGION = (
    "AuthorizationHeaderMalformed",
    "PermanentRedirect",
    "IllegalLocationConstraint",
    "without LOCATION",
)
_ASKED = (
    "HTTP error",
    "Error performing",
    "error sending request",
    "response body",
    "Received non-partial",
    "UnexpectedRange",
)
_ADDRESSING = ("PathStyleDomainForbidden", "SecondLevelDomainForbidden")  # COS, OSS
_CERTIFICATE = ("invalid peer certificate", "certificate verify failed", "CertificateRequired")
_OTHER_PART = ("NotPartial", "UnexpectedRange", "Received non-partial response")


def fault(text: str, place: Place, identity: str, *, listed: bool = False) -> Exception:
    """The error to raise.

    Args:
        text: of the client's error.
        place: what was asked for.
        identity: who asked, as Access has it.
        listed: whether the object was in the listing a moment ago.
    """
    status = _status(text)
    if listed and status in {404, 412, 416}:
        return ChangedError()
    return _by_code(text, place, identity) or _by_status(text, status, place, identity)


def _by_code(text: str, place: Place, identity: str) -> Exception | None:
    """What a provider's own word says."""
    if _holds(text, _NO_BUCKET):
        return StartError(
            "NotFound", f"There is no {place.shown}; correct the URI, the endpoint or the region."
        )
    if _holds(text, _REGION):
        return StartError(
            "WrongRegion",
            f"The {place.shown} is in another region; name its region, or correct the endpoint.",
        )
    if _holds(text, _ADDRESSING):
        return StartError(
            "InvalidEndpoint",
            "The object store wants the bucket in the name of the host; set the addressing to VirtualHost.",
        )
    return _by_login(text, identity)


def _by_login(text: str, identity: str) -> Exception | None:
    if _holds(text, _SKEWED):
        return StartError(
            "NotAllowed",
            "The object store refuses the request because the node's clock differs from its own; set the "
            "clock.",
        )
    if _holds(text, _EXPIRED):
        return StartError("NotAllowed", f"The token of {identity} has expired; renew it.")
    if _holds(text, _UNKNOWN):
        return StartError(
            "NotAllowed", f"The object store does not know the credentials of {identity}; correct them."
        )
    return None


def _by_status(text: str, status: int | None, place: Place, identity: str) -> Exception:
    if status is None:
        return _unanswered(text, identity)
    if status in {408, 425, 429} or status >= 500:
        return TryAgainError(f"the store answered {status}")
    if status == 404:
        return StartError("NotFound", f"There is nothing of that name in the {place.shown}; correct the URI.")
    if status in {401, 403}:
        cure = "name a Secret with credentials" if identity == "nobody" else "allow it to list and read there"
        who = "anybody without credentials" if identity == "nobody" else identity
        return StartError(
            "NotAllowed",
            f"The object store answered {status}: the {place.shown} is not open to {who}; {cure}.",
        )
    return StartError(
        "UnexpectedAnswer",
        f"The object store answered {status}; correct the URI, the endpoint or the Secret.",
    )


def _unanswered(text: str, identity: str) -> Exception:
    if not _holds(text, _ASKED):
        return StartError(
            "InvalidCredentials",
            f"The object store's client cannot use the credentials of {identity}; correct them.",
        )
    if _holds(text, _CERTIFICATE):
        return StartError(
            "UntrustedCertificate",
            "The certificate of the object store is not trusted; name its authority's file in SSL_CERT_FILE, "
            "or correct the endpoint.",
        )
    if _holds(text, _OTHER_PART):
        return TryAgainError("the store sent another part than asked for")
    return TryAgainError(_connection(text))


def is_busy(text: str) -> bool:
    """Whether the store itself said that it cannot answer now, perhaps with when it can."""
    return _status(text) in {429, 503}


def _status(text: str) -> int | None:
    """The HTTP status, where there was an answer."""
    found = re.search(r"Server returned non-2xx status code: (\d{3})", text)
    return int(found[1]) if found else None


def _connection(text: str) -> str:
    if _holds(text, ("dns error", "failed to lookup address")):
        return "the host's name does not resolve"
    if _holds(text, ("Connection refused", "ConnectionRefused", "No route")):
        return "the host refused the connection or has no route"
    if _holds(text, ("operation timed out", "TimedOut", "Timeout")):
        return "no byte came in time"
    return "the connection broke off"


def _holds(text: str, words: tuple[str, ...]) -> bool:
    return any(word in text for word in words)
