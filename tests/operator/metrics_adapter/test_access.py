"""Who may ask the metrics adapter: real certificates against the real process, and their rotation."""

import contextlib
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from paddlemodel_operator.base import names
from paddlemodel_operator.metrics_adapter.access import CONFIG_MAP

from tests.operator.support.adapters import ROOT, Adapter, Pair, adapter_process, front_proxy, over
from tests.operator.support.cluster import Cluster, eventually

pytestmark = pytest.mark.control_plane

DISCOVERY = f"{ROOT}/v1beta2"


class Authority:
    """Signs client certificates, also ones that should not be accepted."""

    def __init__(self, folder: Path, name: str = "another-front-proxy-ca") -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = common_name(name)
        ca = x509.BasicConstraints(ca=True, path_length=0)
        certificate = self._builder(self._name, self._key, 1).add_extension(ca, critical=True)
        self.pem = certificate.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()

    def sign(self, name: str, *, days: int = 1, usage: x509.ObjectIdentifier | None = None) -> Pair:
        """A pair for a common name that ends in `days`; negative for one that has ended."""
        key = ec.generate_private_key(ec.SECP256R1())
        use = x509.ExtendedKeyUsage([usage or ExtendedKeyUsageOID.CLIENT_AUTH])
        certificate = self._builder(common_name(name), key, days).add_extension(use, critical=False)
        paths = self._folder / f"{name}{days}.crt", self._folder / f"{name}{days}.key"
        paths[0].write_bytes(certificate.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM))
        paths[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return paths

    def _builder(
        self, name: x509.Name, key: ec.EllipticCurvePrivateKey, days: int
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder(self._name, name, key.public_key(), x509.random_serial_number())
        return builder.not_valid_before(now - timedelta(days=9)).not_valid_after(now + timedelta(days=days))


def common_name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Trusted:
    """The ConfigMap from which every extension server learns whom to trust; API servers add to it."""

    PATH = names.CONFIG_MAP.item(*CONFIG_MAP)

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._before = self._read()

    def _read(self) -> str:
        data = self._cluster.http.get(self.PATH).raise_for_status().json()["data"]
        return str(data["requestheader-client-ca-file"])

    def write(self, authorities: str) -> None:
        self._cluster.patch(self.PATH, {"data": {"requestheader-client-ca-file": authorities}})

    def add(self, authority: Authority) -> None:
        """As a second API server does that joins the cluster."""
        self.write(self._before + authority.pem)

    def restore(self) -> None:
        self.write(self._before)


@pytest.fixture
def trusted(cluster: Cluster) -> Iterator[Trusted]:
    result = Trusted(cluster)
    yield result
    result.restore()


@pytest.fixture(scope="module")
def adapter(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Adapter]:
    with adapter_process(cluster, tmp_path_factory.mktemp("adapter"), trust_seconds="1") as result:
        yield result


def allowed(adapter: Adapter, pair: Pair) -> bool:
    try:
        return adapter.ask(DISCOVERY, pair).status == 200
    except (ssl.SSLError, ConnectionError):
        return False


def refused_by_tls(ask: Callable[[], object]) -> bool:
    """The handshake fails: with TLS 1.3 the client learns of it when it reads."""
    try:
        ask()
    except (ssl.SSLError, ConnectionError):
        return True
    return False


SPOOFED = {"x-remote-user": "system:kube-aggregator", "x-remote-group": "system:masters"}


@pytest.mark.parametrize(
    "target", [DISCOVERY, "/apis", "/", "/metrics", f"{DISCOVERY}/namespaces/a/pods/*/b"]
)
def test_without_a_certificate_there_is_nothing_to_see(adapter: Adapter, target: str) -> None:
    answer = adapter.anonymous(target, headers=SPOOFED)
    assert (answer.status, answer.json()["reason"]) == (401, "Unauthorized")
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize("target", ["/healthz", "/readyz"])
def test_probes_need_no_certificate(adapter: Adapter, target: str) -> None:
    answer = adapter.anonymous(target)
    assert (answer.status, answer.body) == (200, b"ok\n")


def test_the_front_proxys_authority_does_not_make_a_front_proxy(
    adapter: Adapter, trusted: Trusted, tmp_path: Path
) -> None:
    """Another component's certificate, though by the right authority and with a spoofed user."""
    authority = Authority(tmp_path)
    trusted.add(authority)
    eventually(lambda: allowed(adapter, authority.sign("front-proxy-client")))
    answer = adapter.ask(DISCOVERY, authority.sign("kube-scheduler"), headers=SPOOFED)
    assert (answer.status, answer.json()["message"]) == (
        401,
        "the client certificate is not the front proxy's",
    )
    # Expired, and not for clients: both end in the handshake.
    assert refused_by_tls(lambda: adapter.ask(DISCOVERY, authority.sign("front-proxy-client", days=-1)))
    server = authority.sign("front-proxy-client", days=2, usage=ExtendedKeyUsageOID.SERVER_AUTH)
    assert refused_by_tls(lambda: adapter.ask(DISCOVERY, server))


def test_nobody_can_sign_for_himself(adapter: Adapter, cluster: Cluster, tmp_path: Path) -> None:
    assert allowed(adapter, front_proxy(cluster))
    own = Authority(tmp_path, "front-proxy-ca").sign("front-proxy-client")
    assert refused_by_tls(lambda: adapter.ask(DISCOVERY, own))
    pki = front_proxy(cluster)[0].parent
    administrator = pki / "admin.crt", pki / "admin.key"
    assert administrator[0].exists()
    assert refused_by_tls(lambda: adapter.ask(DISCOVERY, administrator, headers=SPOOFED))


def test_an_authority_that_comes_is_trusted_and_one_that_goes_is_not(
    adapter: Adapter, trusted: Trusted, tmp_path: Path
) -> None:
    """Without a restart, and also on connections that are open."""
    authority = Authority(tmp_path)
    pair = authority.sign("front-proxy-client")
    assert refused_by_tls(lambda: adapter.ask(DISCOVERY, pair))
    trusted.add(authority)
    eventually(lambda: allowed(adapter, pair))
    open_before = adapter.connect(pair)
    assert over(open_before, DISCOVERY).status == 200
    trusted.restore()
    eventually(lambda: refused_by_tls(lambda: adapter.ask(DISCOVERY, pair)))
    with pytest.raises((ConnectionError, ssl.SSLError)):
        over(open_before, DISCOVERY)
    open_before.close()


@pytest.mark.parametrize("garbage", ["", "-----BEGIN CERTIFICATE-----\ngarbage\n-----END CERTIFICATE-----\n"])
def test_a_garbled_list_of_authorities_changes_nothing(
    adapter: Adapter, cluster: Cluster, trusted: Trusted, garbage: str
) -> None:
    before = adapter.log.stat().st_size
    trusted.write(garbage)
    eventually(lambda: b"Cannot read whom to trust" in adapter.log.read_bytes()[before:])
    assert allowed(adapter, front_proxy(cluster))
    assert adapter.is_ready()


def test_a_new_key_pair_is_served_without_a_restart(adapter: Adapter, cluster: Cluster) -> None:
    """The API server trusts both authorities for a while, so neither side has to be first."""
    before = serial(adapter)
    adapter.new_pair()
    eventually(lambda: serial(adapter) != before)
    assert allowed(adapter, front_proxy(cluster))


def serial(adapter: Adapter) -> str:
    """Of the adapter's certificate."""
    with contextlib.closing(adapter.connect()) as connection:
        assert isinstance(connection.sock, ssl.SSLSocket)
        certificate = connection.sock.getpeercert()
        assert certificate
        return str(certificate["serialNumber"])
