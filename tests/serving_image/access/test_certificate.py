"""Which Secrets are no certificate, at the start and later."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from paddlemodel_server.access.certificate import Certificate
from paddlemodel_server.errors import StartError
from paddlemodel_server.ipc import access_page
from paddlemodel_server.ipc.access_page import AccessPage

from tests.serving_image.support.access.certificates import pair
from tests.serving_image.support.access.mounts import mount_bytes

ONE, OTHER, LOCKED = pair(), pair(), pair(b"secret")
UNUSABLE = {
    "nothing": ({}, "CertificateMissing"),
    "no key": ({"tls.crt": ONE.certificate}, "CertificateMissing"),
    "another's key": ({"tls.crt": ONE.certificate, "tls.key": OTHER.key}, "CertificateInvalid"),
    "the wrong way round": ({"tls.crt": ONE.key, "tls.key": ONE.certificate}, "CertificateInvalid"),
    "half a certificate": ({**ONE.entries, "tls.crt": ONE.certificate[:200]}, "CertificateInvalid"),
    "empty files": ({"tls.crt": b"", "tls.key": b""}, "CertificateInvalid"),
    "a key with a password": (LOCKED.entries, "CertificateInvalid"),
}


@pytest.fixture
def page() -> Iterator[AccessPage]:
    fd = access_page.create()
    yield AccessPage(fd)
    os.close(fd)


@pytest.mark.parametrize(("entries", "reason"), UNUSABLE.values(), ids=UNUSABLE)
def test_there_is_no_start_without_a_certificate(
    tmp_path: Path, page: AccessPage, entries: dict[str, bytes], reason: str
) -> None:
    with pytest.raises(StartError) as caught:
        Certificate(mount_bytes(tmp_path / "tls", entries), page)
    assert caught.value.reason == reason
    assert "kubernetes.io/tls" in caught.value.message or "PEM chain" in caught.value.message


@pytest.mark.parametrize(("entries", "reason"), UNUSABLE.values(), ids=UNUSABLE)
def test_an_unusable_secret_changes_nothing_and_is_told(
    tmp_path: Path,
    page: AccessPage,
    caplog: pytest.LogCaptureFixture,
    entries: dict[str, bytes],
    reason: str,
) -> None:
    certificate = Certificate(mount_bytes(tmp_path / "tls", ONE.entries), page)
    mount_bytes(tmp_path / "tls", entries)
    with caplog.at_level(logging.ERROR):
        certificate.look()
        certificate.look()
    assert page.certificate_outdated
    (told,) = caplog.records  # once
    assert told.__dict__["reason"] == reason
    assert told.message.endswith("the certificate from before stays in use.")
    mount_bytes(tmp_path / "tls", OTHER.entries)
    certificate.look()
    assert not page.certificate_outdated
