"""The download against servers that stumble, lie, redirect and change their mind."""

import datetime as dt
import ssl
from collections.abc import Iterator
from email.utils import format_datetime
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st
from paddlemodel_server.errors import StartError
from paddlemodel_server.fetch import sources
from paddlemodel_server.fetch.retry_policy import RetryPolicy
from paddlemodel_server.fetch.sources import http_faults
from paddlemodel_server.fetch.sources.source import File, Request
from paddlemodel_server.fetch.transfer import Courier
from paddlemodel_server.model import files

from tests.serving_image.support.file_server import FileServer, Step, no_proxy, serving  # noqa: F401 - no_proxy is a fixture

BODY = bytes(range(256)) * 2000
QUICK = RetryPolicy(attempts=4, first_pause=0.01, longest_pause=0.05)


def download(
    uri: str, goal: Path, max_bytes: int = 1 << 30, retries: RetryPolicy = QUICK, timeout: float = 20
) -> str:
    request = Request(uri=uri, timeout=timeout)
    return (
        Courier(source=sources.of(uri), request=request, retries=retries)
        .bring(File(path=""), goal, max_bytes)
        .digest
    )


@pytest.fixture
def goal(tmp_path: Path) -> Path:
    return tmp_path / "archive"


def bring(
    server: FileServer, goal: Path, path: str = "/m", retries: RetryPolicy = QUICK, timeout: float = 20
) -> None:
    digest = download(server.uri(path), goal, retries=retries, timeout=timeout)
    assert goal.read_bytes() == server.files["/m"]
    assert digest == files.digest(goal)


def refused(uri: str, goal: Path, retries: RetryPolicy = QUICK, max_bytes: int = 1 << 30) -> StartError:
    with pytest.raises(StartError) as caught:
        download(uri, goal, max_bytes, retries)
    return caught.value


HEALING = {
    "nothing": [],
    "500 then fine": [Step(status=500), Step(status=503)],
    "too many requests": [Step(status=429, headers={"Retry-After": "0"})],
    **{f"cut at {tenth}0 %": [Step(cut=len(BODY) * tenth // 10)] for tenth in range(10)},
    "a slow drip": [Step(drip=999)],
    "a slow drip that is cut": [Step(drip=999, cut=200_000)],
    "cut twice": [Step(cut=1000), Step(cut=70_000)],
    "cut, no ranges": [Step(cut=1000), Step(ranges=False)],
    "cut, no validator": [Step(cut=1000, etag=None), Step(etag=None)],
    "cut, weak validator": [Step(cut=1000, etag='W/"1"'), Step(etag='W/"1"')],
    "cut, changed meanwhile": [Step(cut=1000), Step(etag='"v2"')],
    "cut, wrong part": [Step(cut=1000), Step(headers={"Content-Range": "bytes 5-9/10"})],
    "cut, range not satisfiable": [Step(cut=1000), Step(status=416)],
    "no length": [Step(length=False)],
}


@pytest.mark.parametrize("plan", HEALING.values(), ids=HEALING)
def test_what_can_heal_heals(goal: Path, plan: list[Step]) -> None:
    with serving({"/m": BODY}, *plan) as server:
        bring(server, goal)


def test_a_broken_transfer_goes_on_where_it_stopped(goal: Path) -> None:
    with serving({"/m": BODY}, Step(cut=200_000)) as server:
        bring(server, goal)
    assert "range" not in server.seen[0][1]
    start = int((server.seen[1][1]["range"]).removeprefix("bytes=").removesuffix("-"))
    assert 0 < start <= 200_000
    assert server.seen[1][1]["if-range"] == '"v1"'


def test_a_silent_server_is_left_and_tried_again(goal: Path) -> None:
    with serving({"/m": BODY}, Step(cut=100, stall=True)) as server:
        bring(server, goal, retries=RetryPolicy(attempts=10, first_pause=0.01), timeout=0.5)


@given(cuts=st.lists(st.integers(0, len(BODY) - 1), max_size=3), ranges=st.booleans())
@settings(max_examples=15)
def test_any_sequence_of_cuts_ends_in_the_same_bytes(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], ranges: bool
) -> None:
    with serving({"/m": BODY}, *(Step(cut=cut, ranges=ranges) for cut in cuts)) as server:
        bring(server, tmp_path_factory.mktemp("cuts") / "archive")


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (404, "NotFound"),
        (410, "NotFound"),
        (401, "NotAllowed"),
        (403, "NotAllowed"),
        (400, "UnexpectedAnswer"),
        (204, "UnexpectedAnswer"),
    ],
)
def test_what_cannot_heal_fails_at_once(goal: Path, status: int, reason: str) -> None:
    with serving({"/m": BODY}, Step(status=status)) as server:
        assert refused(server.uri("/m"), goal).reason == reason
        assert len(server.seen) == 1


def test_it_gives_up_after_so_many_attempts(goal: Path) -> None:
    with serving({"/m": BODY}, *[Step(status=502)] * 9) as server:
        fault = refused(server.uri("/m"), goal)
        assert len(server.seen) == QUICK.attempts
    assert fault.reason == "Unreachable"
    assert "the server answered 502" in fault.message


def test_it_goes_on_as_long_as_there_is_progress(goal: Path) -> None:
    body = bytes(12 << 20)
    with serving({"/m": body}, *[Step(cut=2 << 20)] * 5) as server:
        bring(server, goal)


def test_a_refused_connection_and_an_unknown_host_are_named(goal: Path) -> None:
    with serving({}) as server:
        closed = server.uri("/m")
    assert "refused the connection" in refused(closed, goal).message
    assert "does not resolve" in refused("http://model.invalid/m", goal).message


@pytest.mark.parametrize("length", [True, False])
def test_the_size_limit_holds_whether_announced_or_not(goal: Path, length: bool) -> None:
    with serving({"/m": BODY}, Step(length=length)) as server:
        assert refused(server.uri("/m"), goal, max_bytes=len(BODY) - 1).reason == "TooLarge"
    assert goal.stat().st_size < len(BODY)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed(goal: Path, status: int) -> None:
    with serving({"/m": BODY}, Step(status=status, headers={"Location": "/m?x=1"})) as server:
        bring(server, goal, "/old")


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/m", "gopher://127.0.0.1/"])
def test_redirects_to_other_kinds_of_address_are_refused(goal: Path, target: str) -> None:
    with serving({"/m": BODY}, Step(status=302, headers={"Location": target})) as server:
        assert refused(server.uri("/m"), goal).reason == "RefusedRedirect"


def test_a_ring_of_redirects_ends(goal: Path) -> None:
    with serving({"/m": BODY}, *[Step(status=302, headers={"Location": "/m"})] * 20) as server:
        assert refused(server.uri("/m"), goal).reason == "RefusedRedirect"


def test_credentials_stay_with_their_host(goal: Path) -> None:
    with serving({"/m": BODY}) as other, serving({"/m": BODY}) as server:
        server.plan.append(Step(status=302, headers={"Location": "/again"}))
        server.plan.append(Step(status=302, headers={"Location": other.uri("/m")}))
        download(server.uri("/m", host="us%40er:pass@127.0.0.1"), goal, 1 << 30, QUICK)
    assert [headers.get("authorization") for _, headers in server.seen] == ["Basic dXNAZXI6cGFzcw=="] * 2
    assert "authorization" not in other.seen[0][1]


def test_a_proxy_is_used_when_the_environment_names_one(goal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving({"http://model.invalid/m": BODY}) as proxy:
        monkeypatch.setenv("http_proxy", proxy.uri("", host="user:word@127.0.0.1"))
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        download("http://model.invalid/m", goal, 1 << 30, QUICK)
        assert proxy.seen[0][1]["proxy-authorization"] == "Basic dXNlcjp3b3Jk"
        with serving({"/m": BODY}) as server:
            bring(server, goal)
            assert len(server.seen) == 1


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    now = dt.datetime.now(dt.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + built.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def https(certificate: Path) -> Iterator[FileServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with serving({"/m": BODY}, tls=context) as server:
        yield server


def test_a_certificate_of_nobodys_is_refused_at_once(https: FileServer, goal: Path) -> None:
    fault = refused(https.uri("/m"), goal)
    assert fault.reason == "UntrustedCertificate"
    assert "SSL_CERT_FILE" in fault.message
    assert https.seen == []


def test_a_private_authority_is_trusted_when_named(
    https: FileServer, goal: Path, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    bring(https, goal)
    assert refused(https.uri("/m", host="localhost"), goal).reason == "UntrustedCertificate"


def test_https_never_falls_back_to_http(
    https: FileServer, goal: Path, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with serving({"/m": BODY}) as plain:
        https.plan.append(Step(status=302, headers={"Location": plain.uri("/m")}))
        assert refused(https.uri("/m"), goal).reason == "RefusedRedirect"
        assert plain.seen == []
        plain.plan.append(Step(status=302, headers={"Location": https.uri("/m")}))
        bring(plain, goal)


def test_a_server_that_speaks_no_tls_is_named(goal: Path) -> None:
    with serving({"/m": BODY}) as server:
        fault = refused(server.uri("/m").replace("http", "https"), goal)
    assert fault.reason == "Unreachable"
    assert "TLS" in fault.message


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("/modèle.tar".encode(), "/mod%C3%A8le.tar"),  # as it comes from many a server
        (b"/mod%C3%A8le.tar", "/mod%C3%A8le.tar"),
        (b"/a b.tar", "/a%20b.tar"),
        (b"  /a.tar  ", "/a.tar"),
        (b"/a%2Fb.tar?sig=%2B%2F", "/a%2Fb.tar?sig=%2B%2F"),
    ],
)
def test_a_redirect_is_taken_byte_by_byte_as_browsers_take_it(goal: Path, location: bytes, path: str) -> None:
    with serving({path.partition("?")[0]: BODY}) as server:
        server.plan.append(Step(status=302, headers={"Location": location.decode("latin-1")}))
        download(server.uri("/old"), goal)
        assert [seen for seen, _ in server.seen] == ["/old", path]
    assert goal.read_bytes() == BODY


def test_a_redirect_to_a_host_of_other_letters_is_asked_for_by_its_name(goal: Path) -> None:
    location = "http://bücher.invalid/m.tar".encode().decode("latin-1")
    with serving({}, *[Step(status=302, headers={"Location": location})] * QUICK.attempts) as server:
        assert "does not resolve" in refused(server.uri("/old"), goal).message


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("7", 7), ("", 0), ("soon", 0), ("-1", 0), ("Thu, 01 Jan 1970 00:00:00 GMT", 0)],
)
def test_a_pause_is_read_in_either_form(value: str, seconds: float) -> None:
    assert http_faults.pause(value) == seconds


def test_a_pause_until_a_date_is_the_time_that_is_left() -> None:
    later = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
    assert 3000 < http_faults.pause(format_datetime(later, usegmt=True)) <= 3600
