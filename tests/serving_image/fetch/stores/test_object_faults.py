"""Every store's way to say no becomes one sentence with the cure, and nothing of its text is quoted."""

import pytest
from paddlemodel_server.errors import StartError
from paddlemodel_server.fetch.sources import object_faults
from paddlemodel_server.fetch.sources.place import Place, place_of
from paddlemodel_server.fetch.sources.source import ChangedError, TryAgainError

PLACES = {
    "s3": place_of("s3://b/net"),
    "gs": place_of("gs://b/net"),
    "az": place_of("az://me/b/net"),
}


def answered(status: int, code: str = "") -> str:
    """As the client says it (obstore 0.12), with an address and the store's XML."""
    body = f'<?xml version="1.0"?><Error><Code>{code}</Code><Resource>/S3CRET</Resource></Error>'
    return (
        "Generic S3 error: Error performing GET https://store.invalid/b/net?sig=S3CRET in 1ms - "
        f"Server returned non-2xx status code: {status} Whatever: {body}"
    )


REFUSALS = {
    "no bucket, S3": ("s3", answered(404, "NoSuchBucket"), "NotFound", "There is no bucket b"),
    "no container, Azure": ("az", answered(404, "ContainerNotFound"), "NotFound", "no container b"),
    "no bucket, GCS": ("gs", answered(404, "NoSuchBucket"), "NotFound", "There is no bucket b"),
    "no object": ("s3", answered(404, "NoSuchKey"), "NotFound", "nothing of that name"),
    "not allowed, S3": ("s3", answered(403, "AccessDenied"), "NotAllowed", "allow it to list and read"),
    "not allowed, Azure": ("az", answered(403, "AuthorizationPermissionMismatch"), "NotAllowed", "allow it"),
    "unknown key, S3": ("s3", answered(403, "InvalidAccessKeyId"), "NotAllowed", "does not know"),
    "wrong secret, S3": ("s3", answered(403, "SignatureDoesNotMatch"), "NotAllowed", "does not know"),
    "wrong secret, Azure": ("az", answered(403, "AuthenticationFailed"), "NotAllowed", "does not know"),
    "wrong key, GCS": ("gs", answered(400, "invalid_grant"), "NotAllowed", "does not know"),
    "expired token": ("s3", answered(400, "ExpiredToken"), "NotAllowed", "has expired; renew it"),
    "clock": ("s3", answered(403, "RequestTimeTooSkewed"), "NotAllowed", "set the clock"),
    "region": ("s3", answered(400, "AuthorizationHeaderMalformed"), "WrongRegion", "name its region"),
    "region, by a redirect": (
        "s3",
        "Received redirect without LOCATION, this normally indicates an incorrectly configured region",
        "WrongRegion",
        "name its region",
    ),
    "certificate": (
        "s3",
        "HTTP error: invalid peer certificate: S3CRET",
        "UntrustedCertificate",
        "SSL_CERT_FILE",
    ),
    "a key that is none": (
        "az",
        "Invalid Access Key: S3CRET",
        "InvalidCredentials",
        "of the Secret; correct",
    ),
    "a token that is not there": ("s3", "Failed to read token file", "InvalidCredentials", "correct them"),
    "a bucket in the path": (
        "s3",
        answered(403, "PathStyleDomainForbidden"),
        "InvalidEndpoint",
        "VirtualHost",
    ),
    "unknown": ("s3", answered(418), "UnexpectedAnswer", "answered 418"),
}


@pytest.mark.parametrize(("scheme", "text", "reason", "said"), REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_names_the_cure(scheme: str, text: str, reason: str, said: str) -> None:
    fault = object_faults.fault(text, PLACES[scheme], "the Secret")
    assert isinstance(fault, StartError)
    assert (fault.reason, said in fault.message) == (reason, True), fault.message
    assert "S3CRET" not in fault.message


def test_without_credentials_the_cure_is_to_name_some() -> None:
    fault = object_faults.fault(answered(403), PLACES["s3"], "nobody")
    assert str(fault) == (
        "The object store answered 403: the bucket b is not open to anybody without credentials; "
        "name a Secret with credentials."
    )


HEALING = {
    "busy": (answered(503, "SlowDown"), "the store answered 503"),
    "too many": (answered(429), "the store answered 429"),
    "name": ("error sending request: dns error: failed to lookup address", "does not resolve"),
    "refused": ("error sending request: Os { kind: ConnectionRefused }", "refused the connection"),
    "silence": ("HTTP error: operation timed out", "no byte came in time"),
    "broken": ("HTTP error: request or response body error", "the connection broke off"),
    "another part": ("Received non-partial response when range requested", "another part"),
}


@pytest.mark.parametrize(("text", "said"), HEALING.values(), ids=HEALING)
def test_what_may_heal_is_tried_again(text: str, said: str) -> None:
    fault = object_faults.fault(text, PLACES["s3"], "nobody", listed=True)
    assert isinstance(fault, TryAgainError)
    assert said in str(fault)


@pytest.mark.parametrize("status", [404, 412, 416])
def test_what_was_listed_and_is_another_now_has_changed(status: int) -> None:
    assert isinstance(
        object_faults.fault(answered(status), PLACES["s3"], "nobody", listed=True), ChangedError
    )


@pytest.mark.parametrize(
    ("uri", "place"),
    [
        ("s3://b/a%20b/c", Place(scheme="s3", bucket="b", key="a b/c", is_folder=False)),
        ("s3://b/a/", Place(scheme="s3", bucket="b", key="a", is_folder=True)),
        ("gs://b", Place(scheme="gs", bucket="b", key="", is_folder=True)),
        ("az://me/c/p", Place(scheme="az", bucket="c", key="p", is_folder=False, account="me")),
        ("az://me/c", Place(scheme="az", bucket="c", key="", is_folder=True, account="me")),
    ],
)
def test_a_uri_names_a_place(uri: str, place: Place) -> None:
    assert place_of(uri) == place


@pytest.mark.parametrize("uri", ["az://me", "az:///c/p", "s3://", "gs://b/a/./c", "s3://b/a#c", "az://me//p"])
def test_a_uri_of_another_form_is_refused(uri: str) -> None:
    with pytest.raises(StartError, match="percent-encoded") as caught:
        place_of(uri)
    assert caught.value.reason == "InvalidUri"
