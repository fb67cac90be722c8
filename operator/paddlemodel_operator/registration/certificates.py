"""The adapter's certificate, and the authority that signs it once and is then forgotten.

The only file of the operator that imports cryptography; time is an argument.

An authority whose key were kept would be worth stealing: the API server trusts its holder to serve
custom.metrics.k8s.io. So each certificate gets an authority of its own, whose key never leaves `issue`.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from paddlemodel_operator.registration.objects import Issued

LIFE: Final = dt.timedelta(days=90)
EARLY: Final = dt.timedelta(hours=1)
"""Valid from a little before its making, for API servers whose clocks are behind."""


def issue(host: str, now: dt.datetime, previous: str = "") -> Issued:
    """A certificate for one host name from a new authority.

    `previous` is the bundle of the certificate before: its first authority stays in the new bundle, since
    adapters go on serving what they have until they notice what is new.
    """
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority_name, name = (
        _name("paddlemodel metrics adapter, authority"),
        _name("paddlemodel metrics adapter"),
    )
    authority = (
        _builder(authority_name, authority_name, authority_key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(authority_key, SHA256())
    )
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    certificate = (
        _builder(name, authority_name, key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(issuer, critical=False)
        .sign(authority_key, SHA256())
    )
    kept = [one for one in authorities(previous)[:1] if one.not_valid_after_utc > now]
    return Issued(
        authorities="".join(_pem(one) for one in (authority, *kept)),
        certificate=_pem(certificate),
        key=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
    )


def fault(issued: Issued, host: str, now: dt.datetime) -> str:
    """Why another one has to be issued, in half a sentence; empty if this one is usable."""
    try:
        certificate = x509.load_pem_x509_certificate(issued.certificate.encode())
        public = load_pem_private_key(issued.key.encode(), None).public_key()
        trusted = authorities(issued.authorities)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        certificate.verify_directly_issued_by(trusted[0])
    except (ValueError, TypeError, IndexError, UnsupportedAlgorithm, x509.ExtensionNotFound):
        return "it does not hold a key, a certificate and its authority"
    except InvalidSignature:
        return "its certificate was not issued by its authority"
    if public != certificate.public_key():
        return "its key is not its certificate's"
    if host not in names.get_values_for_type(x509.DNSName):
        return f"its certificate is not for {host}"
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now < begin:
        return f"its certificate is not valid before {begin:%Y-%m-%d %H:%M} UTC"
    return f"its certificate ends on {end:%Y-%m-%d}" if now >= begin + (end - begin) * 2 / 3 else ""


def authorities(bundle: str) -> Sequence[x509.Certificate]:
    """The certificates of a bundle; none if it is not one."""
    try:
        return x509.load_pem_x509_certificates(bundle.encode())
    except ValueError:
        return []


def _builder(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, now: dt.datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - EARLY)
        .not_valid_after(now - EARLY + LIFE)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()
