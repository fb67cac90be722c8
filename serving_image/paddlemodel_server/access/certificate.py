"""The certificate of the clients' port, renewed while connections go on.

A new pair is tried by itself first: one that does not fit changes nothing. Connections that exist keep what
they were made with. TLS 1.2 and 1.3 are spoken, and HTTP/1.1 in them.
"""

import logging
import os
import ssl
from pathlib import Path
from typing import Final

from paddlemodel_api import contract

from paddlemodel_server.access import secret_folder
from paddlemodel_server.access.keyring import LOOK_SECONDS, Loop
from paddlemodel_server.errors import StartError
from paddlemodel_server.ipc.access_page import AccessPage

CERTIFICATE: Final = "tls.crt"
KEY: Final = "tls.key"

logger = logging.getLogger(__name__)


class Certificate:
    """The pair that new connections get."""

    def __init__(self, folder: Path, page: AccessPage) -> None:
        """Load it.

        Args:
            folder: where a Secret of type kubernetes.io/tls is mounted.
            page: where to tell what was found.

        Raises:
            StartError: `CertificateMissing` or `CertificateInvalid`.
        """
        self._folder = folder
        self._page = page
        self._seen = secret_folder.fingerprint(folder)
        self.context = _loaded(folder)
        page.write_certificate(outdated=False)

    def watch(self, loop: Loop) -> None:
        """Look at the Secret, and do so again and again."""
        loop.call_later(LOOK_SECONDS, lambda: self.watch(loop))
        self.look()

    def look(self) -> None:
        """Take over a pair that has changed; the context stays the same one, which the listener has."""
        seen = secret_folder.fingerprint(self._folder)
        if seen == self._seen:
            return
        self._seen = seen
        try:
            _loaded(self._folder)
            _load(self.context, self._folder)
        except StartError as error:
            self._page.write_certificate(outdated=True)
            message = f"{error.message} Until that is repaired, the certificate from before stays in use."
            logger.error(message, extra={"reason": error.reason})  # noqa: TRY400 - the sentence says it all
        else:
            self._page.write_certificate(outdated=False)
            logger.info("the certificate was renewed")


def shown(folder: Path) -> bytes:
    """The certificate that clients see now, as DER.

    Raises:
        ValueError: there is none.
    """
    text = secret_folder.read(folder).get(CERTIFICATE, b"").decode("ascii", "replace")
    begin, end = text.find(ssl.PEM_HEADER), text.find(ssl.PEM_FOOTER)
    return ssl.PEM_cert_to_DER_cert(text[begin : end + len(ssl.PEM_FOOTER)])


def _loaded(folder: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    _load(context, folder)
    return context


def _load(context: ssl.SSLContext, folder: Path) -> None:
    inside = Path(os.path.realpath(folder / "..data")) if (folder / "..data").is_symlink() else folder
    try:
        # A key with a password would be asked for at a terminal.
        context.load_cert_chain(inside / CERTIFICATE, inside / KEY, password=lambda: "")
    except FileNotFoundError:
        raise StartError(
            contract.CERTIFICATE_MISSING,
            f"There is no certificate: the Secret has the entries {CERTIFICATE} and {KEY}, as those of type "
            "kubernetes.io/tls do.",
        ) from None
    except (ssl.SSLError, OSError, ValueError) as error:
        what = getattr(error, "reason", None) or type(error).__name__
        raise StartError(
            contract.CERTIFICATE_INVALID,
            f"The certificate cannot be used ({what}): {CERTIFICATE} is a PEM chain whose first certificate "
            f"belongs to {KEY}, a PEM key without a password.",
        ) from None
