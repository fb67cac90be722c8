"""Certificates for localhost, each its own authority, as a Secret of type kubernetes.io/tls has them."""

import datetime as dt
import ipaddress
import ssl
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Pair:
    """A certificate that is its own authority."""

    serial: int
    certificate: bytes  # PEM
    key: bytes

    @property
    def entries(self) -> dict[str, bytes]:
        return {"tls.crt": self.certificate, "tls.key": self.key}

    def trusting(self) -> ssl.SSLContext:
        """A client that trusts this one and no other."""
        return ssl.create_default_context(cadata=self.certificate.decode())


def pair(password: bytes = b"") -> Pair:
    """Make one; with a password its key is encrypted."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now, serial = dt.datetime.now(dt.UTC), x509.random_serial_number()
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    secrecy: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password:
        secrecy = serialization.BestAvailableEncryption(password)
    pem = serialization.Encoding.PEM
    return Pair(
        serial,
        made.public_bytes(pem),
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, secrecy),
    )
