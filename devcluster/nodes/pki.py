"""Certificates and kubeconfigs of one cluster: one authority for the API, one for the front proxy."""

import base64
import datetime as dt
import ipaddress
from dataclasses import dataclass
from pathlib import Path

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_LIFETIME = dt.timedelta(days=365)


@dataclass(frozen=True)
class Identity:
    """Who a certificate is for: the user and groups Kubernetes reads from it, and its addresses."""

    name: str
    group: str = ""
    addresses: tuple[str, ...] = ()


class Authority:
    """A certificate authority that signs into one folder."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.name = name
        self._key = ec.generate_private_key(ec.SECP256R1())
        subject = _subject(Identity(name))
        builder = _builder(subject, subject, self._key.public_key()).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        self._certificate = builder.sign(self._key, hashes.SHA256())
        folder.mkdir(parents=True, exist_ok=True)
        self.certificate.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    @property
    def certificate(self) -> Path:
        """The authority's own certificate."""
        return self.folder / f"{self.name}.crt"

    def sign(self, file: str, identity: Identity) -> tuple[Path, Path]:
        """Write `file`.crt and `file`.key for client and server use; return both paths."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_subject(identity), self._certificate.subject, key.public_key()).add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]),
            critical=False,
        )
        if identity.addresses:
            names = x509.SubjectAlternativeName([_general_name(address) for address in identity.addresses])
            builder = builder.add_extension(names, critical=False)
        certificate, private = self.folder / f"{file}.crt", self.folder / f"{file}.key"
        signed = builder.sign(self._key, hashes.SHA256())
        certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        _write_key(private, key)
        return certificate, private

    def kubeconfig(self, target: Path, server: str, identity: Identity) -> None:
        """Write a kubeconfig with everything inside, for `identity` at the URL `server`."""
        certificate, key = self.sign(target.name.removesuffix(".kubeconfig"), identity)
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {
                    "name": "devcluster",
                    "cluster": {"server": server, "certificate-authority-data": _inline(self.certificate)},
                }
            ],
            "users": [
                {
                    "name": identity.name,
                    "user": {
                        "client-certificate-data": _inline(certificate),
                        "client-key-data": _inline(key),
                    },
                }
            ],
            "contexts": [{"name": "devcluster", "context": {"cluster": "devcluster", "user": identity.name}}],
            "current-context": "devcluster",
        }
        target.touch(mode=0o600)
        target.write_text(yaml.safe_dump(content))


def service_account_key(folder: Path) -> tuple[Path, Path]:
    """Write the pair that signs and checks service account tokens; return (private, public)."""
    key = ec.generate_private_key(ec.SECP256R1())
    private, public = folder / "service-account.key", folder / "service-account.pub"
    _write_key(private, key)
    public.write_bytes(
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    return private, public


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + _LIFETIME)
    )


def _subject(identity: Identity) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, identity.name)]
    if identity.group:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, identity.group))
    return x509.Name(parts)


def _general_name(address: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(address))
    except ValueError:
        return x509.DNSName(address)


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )


def _inline(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
