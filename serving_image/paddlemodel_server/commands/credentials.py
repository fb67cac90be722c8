"""What a command shows to a server that does not answer everybody, and by what it knows the server.

An API key is read from a file or a variable, never from the command line: other users of the machine see
that in the list of processes, and shells write it to their history.
"""

import argparse
import os
import re
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from paddlemodel_api import contract

from paddlemodel_server.errors import StartError

MOST: Final = 16 * 1024
"""Characters of a key: what other servers call one may be a token with signatures."""
_VISIBLE: Final = re.compile(r"[!-~]+")
_OPTIONS: Final = ("key_file", "ca_file", "server_name")


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """What to send, and whom to trust."""

    key: str = field(default="", repr=False)
    ca_file: Path | None = None  # of authorities, PEM; None: those of the system
    server_name: str | None = None  # in the certificate; None: the host of the URL

    @property
    def headers(self) -> dict[str, str]:
        """Those that carry the key."""
        return {"Authorization": f"Bearer {self.key}"} if self.key else {}

    def tls(self) -> ssl.SSLContext:
        """A client's context, which verifies the server's certificate.

        Raises:
            StartError: the file holds no certificates.
        """
        try:
            return ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:  # ssl.SSLError is one
            raise StartError(
                "UnreadableAuthority",
                f"{self.ca_file} cannot be read as certificates in PEM form ({error.strerror or error}).",
            ) from error

    @property
    def refused(self) -> str:
        """What to do about a 401."""
        if self.key:
            return "The key that was sent is not valid there."
        return f"Give a key by --key-file FILE or in {contract.API_KEY_VARIABLE}."


def add(parser: argparse.ArgumentParser) -> None:
    """The options of a command that asks servers."""
    parser.add_argument(
        "--key-file",
        type=Path,
        metavar="FILE",
        help=f"send the API key in FILE to every URL (default: what {contract.API_KEY_VARIABLE} holds)",
    )
    parser.add_argument(
        "--ca-file",
        type=Path,
        metavar="FILE",
        help="trust these authorities, PEM, for https (default: the system's)",
    )
    parser.add_argument(
        "--server-name",
        metavar="NAME",
        help="the name in the server's certificate (default: the host of the URL)",
    )


def taken(found: argparse.Namespace, *, asks_a_server: bool, parser: argparse.ArgumentParser) -> Credentials:
    """Take what `add` has added out of a command line, and read the key.

    Args:
        found: loses these options.
        asks_a_server: whether the command line names an URL.
        parser: refuses the options where it does not.

    Raises:
        StartError: a key that cannot be read or be sent; no sentence has it in it.
    """
    key_file, ca_file, server_name = (vars(found).pop(option) for option in _OPTIONS)
    if not asks_a_server:
        if key_file or ca_file or server_name:
            parser.error("--key-file, --ca-file and --server-name are for the URL of a running server")
        return Credentials()
    return Credentials(key=_key(key_file), ca_file=ca_file, server_name=server_name)


def _key(path: Path | None) -> str:
    """The key; a line end behind it is an editor's."""
    if path is None:
        text, where = os.environ.get(contract.API_KEY_VARIABLE, ""), contract.API_KEY_VARIABLE
        if not text:
            return ""
    else:
        where = str(path)
        try:
            with path.open("rb") as file:
                text = file.read(MOST + 2).decode("latin1")
        except OSError as error:
            raise StartError("UnreadableKey", f"{path} cannot be read ({error.strerror}).") from error
    key = text.rstrip("\r\n")
    if len(key) > MOST or not _VISIBLE.fullmatch(key):
        raise StartError(
            "UnusableKey",
            f"{where} holds no API key: that is one line of at most {MOST} visible ASCII characters.",
        )
    return key
