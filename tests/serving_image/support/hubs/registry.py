"""Debian's registry (CNCF Distribution), open or behind a password or tokens, and what to put into it."""

import base64
import datetime as dt
import hashlib
import json
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.x509.oid import NameOID

from devcluster import ports
from devcluster.builders import debian
from tests.serving_image.support.hubs.answering import Answer, Asked, answering, as_json

USER, PASSWORD = "planted-user", "planted-registry-password"
HTPASSWD = f"{USER}:$2b$04$9gKgQG3o6o56E8pjKBwe6u0pNLWj4LFbLb7Y/B0fbpNplzghuCMjm\n"
_ISSUER, _SERVICE = "the tests", "registry of the tests"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
FILE = "application/octet-stream"


@dataclass(frozen=True)
class Registry:
    """A running one."""

    port: int
    client: httpx.Client

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def put(self, repository: str, content: bytes) -> dict[str, Any]:
        """Upload a blob; its descriptor, without a media type."""
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        begun = self.client.post(f"http://{self.host}/v2/{repository}/blobs/uploads/")
        begun.raise_for_status()
        self.client.put(f"{begun.headers['Location']}&digest={digest}", content=content).raise_for_status()
        return {"digest": digest, "size": len(content)}

    def tag(self, repository: str, tag: str, manifest: Mapping[str, Any]) -> str:
        """Upload a manifest; its digest."""
        return self.put_manifest(repository, tag, json.dumps(manifest).encode(), manifest["mediaType"])

    def put_manifest(self, repository: str, tag: str, manifest: bytes, media_type: str) -> str:
        url = f"http://{self.host}/v2/{repository}/manifests/{tag}"
        done = self.client.put(url, content=manifest, headers={"Content-Type": media_type})
        assert done.is_success, done.text
        return done.headers["Docker-Content-Digest"]

    def image(self, repository: str, tag: str, layers: Sequence[bytes], media_type: str = LAYER) -> str:
        """Push an image with these layers; its digest."""
        config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                **self.put(repository, json.dumps(config).encode()),
            },
            "layers": [{"mediaType": media_type, **self.put(repository, layer)} for layer in layers],
        }
        return self.tag(repository, tag, manifest)

    def artifact(self, repository: str, tag: str, held: Mapping[str, bytes]) -> str:
        """Push files as ORAS does, each a blob with its name beside; the digest."""
        empty = self.put(repository, b"{}")
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": "application/vnd.example.model",
            "config": {"mediaType": "application/vnd.oci.empty.v1+json", **empty},
            "layers": [
                {
                    "mediaType": FILE,
                    **self.put(repository, content),
                    "annotations": {"org.opencontainers.image.title": name},
                }
                for name, content in held.items()
            ],
        }
        return self.tag(repository, tag, manifest)


@contextmanager
def running(folder: Path, **auth: Any) -> Iterator[Registry]:
    """A registry on loopback whose content is in `folder`; `auth` as in its configuration."""
    (port,) = ports.free(1)
    config = {
        "version": "0.1",
        "storage": {"filesystem": {"rootdirectory": str(folder / "content")}},
        "http": {"addr": f"127.0.0.1:{port}", "secret": "shared by those that serve one folder"},
        "log": {"level": "error"},
        **({"auth": auth} if auth else {}),
    }
    file = folder / f"{port}.yml"
    file.write_text(yaml.safe_dump(config))
    program = debian.program("docker-registry", "docker-registry")
    with (folder / f"{port}.log").open("wb") as log:
        process = subprocess.Popen([program, "serve", str(file)], stdout=log, stderr=log)
    try:
        with httpx.Client(trust_env=False) as client:
            _wait(client, port, process, folder / f"{port}.log")
            yield Registry(port, client)
    finally:
        process.terminate()
        process.wait()


def _wait(client: httpx.Client, port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Until it answers."""
    deadline = time.monotonic() + 60
    while True:
        try:
            client.get(f"http://127.0.0.1:{port}/v2/")
        except httpx.TransportError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return


@contextmanager
def with_password(folder: Path) -> Iterator[Registry]:
    """The same content, for USER with PASSWORD only."""
    passwords = folder / "htpasswd"
    passwords.write_text(HTPASSWD)
    with running(folder, htpasswd={"realm": "models", "path": str(passwords)}) as registry:
        yield registry


@dataclass
class Tokens:
    """A server of tokens, as Docker Hub's and others' are (distribution-spec, token authentication)."""

    anonymous: bool = False  # whether anybody may read
    lifetime: float = 300.0  # seconds
    seen: list[Asked] = field(default_factory=list)
    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))
    url: str = ""

    def answer(self, asked: Asked) -> Answer:
        self.seen.append(asked)
        login = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        given = asked.headers.get("authorization")
        if given != login and (given is not None or not self.anonymous):
            return Answer(status=401, body=b'{"errors": [{"code": "UNAUTHORIZED"}]}')
        kind, name, actions = asked.query["scope"].split(":")
        now = time.time()
        claims = {
            "iss": _ISSUER,
            "sub": "",
            "aud": asked.query["service"],
            "exp": int(now + self.lifetime),
            "nbf": int(now - 10),
            "iat": int(now),
            "jti": "1",
            "access": [{"type": kind, "name": name, "actions": actions.split(",")}],
        }
        return as_json({"token": self._signed(claims), "expires_in": int(self.lifetime)})

    @cached_property
    def certificate(self) -> x509.Certificate:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tokens of the tests")])
        now = dt.datetime.now(dt.UTC)
        return (
            x509.CertificateBuilder(name, name, self.key.public_key(), 1, now, now + dt.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self.key, hashes.SHA256())
        )

    def _signed(self, claims: dict[str, Any]) -> str:
        chain = base64.b64encode(self.certificate.public_bytes(serialization.Encoding.DER)).decode()
        head = {"typ": "JWT", "alg": "RS256", "x5c": [chain]}
        text = ".".join(_encoded(json.dumps(part).encode()) for part in (head, claims))
        return f"{text}.{_encoded(self.key.sign(text.encode(), PKCS1v15(), hashes.SHA256()))}"


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


@contextmanager
def with_tokens(folder: Path, tokens: Tokens) -> Iterator[Registry]:
    """The same content, for those with a token."""
    bundle = folder / "tokens.pem"
    bundle.write_bytes(tokens.certificate.public_bytes(serialization.Encoding.PEM))
    with answering(tokens.answer) as tokens.url:
        token = {"realm": tokens.url + "/token", "service": _SERVICE, "issuer": _ISSUER}
        with running(folder, token={**token, "rootcertbundle": str(bundle)}) as registry:
            yield registry
