"""What clouds tell a pod of who it is, as real servers on loopback; and a store that keeps who asked it.

Routes and answers are those of the clouds' documents: STS (AssumeRoleWithWebIdentity), EKS Pod Identity,
Google's metadata server, Entra's tokens. The store has nothing, so that every fetch ends in NotFound.
"""

import datetime as dt
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

POD_TOKEN = "planted-pod-token"
KEY_ID, SECRET, SESSION = "ASIAPLANTED", "planted-secret", "planted-session-token"
BEARER = "planted-bearer"
_LATER = "2099-01-01T00:00:00Z"
_STS = f"""<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>{KEY_ID}</AccessKeyId>
<SecretAccessKey>{SECRET}</SecretAccessKey><SessionToken>{SESSION}</SessionToken><Expiration>{_LATER}</Expiration>
</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"""
_POD_KEYS = {"AccessKeyId": KEY_ID, "SecretAccessKey": SECRET, "Token": SESSION, "Expiration": _LATER}
_BEARER = {"access_token": BEARER, "expires_in": 3600, "token_type": "Bearer"}


@dataclass(frozen=True)
class Asked:
    """A request."""

    method: str
    path: str
    form: dict[str, str]  # of the query and the body
    headers: dict[str, str]  # names in lower case


@dataclass
class Clouds:
    """All of them at two addresses."""

    plain: str = ""  # http://127.0.0.1:PORT
    tls: str = ""  # https://127.0.0.1:PORT
    authority: Path = Path()  # of the certificate
    seen: list[Asked] = field(default_factory=list)
    refusing: bool = False  # whether those who tell identities say no

    def at_the_store(self) -> list[Asked]:
        """What reached the store itself."""
        return [asked for asked in self.seen if asked.path.split("/")[1] in {"bucket", "container"}]

    def answer(self, asked: Asked) -> tuple[int, str, bytes]:
        """Status, content type and body."""
        self.seen.append(asked)
        if asked in self.at_the_store():
            return 404, "application/xml", b"<Error><Code>NoSuchKey</Code></Error>"
        if self.refusing:
            return 403, "text/plain", f"no, {asked.form} {asked.headers}".encode()
        if asked.form.get("Action") == "AssumeRoleWithWebIdentity":
            return 200, "text/xml", _STS.encode()
        told = _POD_KEYS if asked.path == "/pod-identity" else _BEARER
        return 200, "application/json", json.dumps(told).encode()


@contextmanager
def clouds(folder: Path) -> Iterator[Clouds]:
    """Serve until the end of the block."""
    told = Clouds()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            parts = urlsplit(self.path)
            form = {name: values[0] for name, values in parse_qs(f"{parts.query}&{body}").items()}
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, kind, content = told.answer(Asked(self.command, parts.path, form, headers))
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_POST = do_PUT = do_HEAD = do_GET  # noqa: N815 - names of the library

        def log_message(self, *_: object) -> None:
            pass

    told.authority, key = _certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(told.authority, key)
    with ExitStack() as stack:
        for scheme in ("http", "https"):
            listener = stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
            if scheme == "https":
                listener.socket = context.wrap_socket(listener.socket, server_side=True)
            thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02})
            thread.start()
            stack.callback(thread.join)
            stack.callback(listener.shutdown)
            address = f"{scheme}://127.0.0.1:{listener.server_address[1]}"
            told.plain, told.tls = (address, told.tls) if scheme == "http" else (told.plain, address)
        yield told


def _certificate(folder: Path) -> tuple[Path, Path]:
    """Files of a certificate for loopback, and of its key."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "clouds of the tests")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    folder.mkdir(parents=True, exist_ok=True)
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(private_text(key).encode())
    return files


def private_text(key: rsa.RSAPrivateKey) -> str:
    """A private key as PEM, as Google's key files hold it."""
    form, none = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, none).decode()
