"""What registries may answer that none should: each is refused in one sentence, or tried again."""

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from paddlemodel_server.errors import StartError
from paddlemodel_server.fetch.sources.registry import docker_config, manifests, reference

from tests.serving_image.support.file_server import no_proxy  # noqa: F401 - a fixture
from tests.serving_image.support.hubs.answering import Answer, Asked, answering, as_json
from tests.serving_image.support.hubs.fetched import fetch, refused
from tests.serving_image.support.hubs.registry import INDEX, LAYER, MANIFEST
from tests.serving_image.support.models.model_builders import PIR_MODEL, tar_of, tree

BLOB = tar_of(PIR_MODEL)
DIGEST = f"sha256:{hashlib.sha256(BLOB).hexdigest()}"
DESCRIBED = {"mediaType": LAYER, "digest": DIGEST, "size": len(BLOB)}
IMAGE = {"schemaVersion": 2, "mediaType": MANIFEST, "config": {}, "layers": [DESCRIBED]}
TITLE = "org.opencontainers.image.title"
PIN = f"sha256:{64 * '0'}"


@pytest.fixture
def goal(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    return tmp_path / "models" / "model"


@dataclass
class Liar:
    """A registry that says what a test wants."""

    manifest: Answer
    before: Callable[[Asked], Answer | None] = lambda _: None
    seen: list[Asked] = field(default_factory=list)

    def answer(self, asked: Asked) -> Answer:
        self.seen.append(asked)
        if answer := self.before(asked):
            return answer
        if "/manifests/" in asked.path:
            return self.manifest
        return Answer(headers={"ETag": DIGEST}, body=BLOB)


def said(manifest: Any, media_type: str = MANIFEST) -> Answer:
    content = manifest if isinstance(manifest, bytes) else json.dumps(manifest).encode()
    return Answer(headers={"Content-Type": media_type}, body=content)


@contextmanager
def lying(manifest: Any, media_type: str = MANIFEST, **more: Any) -> Iterator[tuple[Liar, str]]:
    liar = Liar(said(manifest, media_type), **more)
    with answering(liar.answer) as url:
        yield liar, f"oci://{url.removeprefix('http://')}/models/net"


def index(*platforms: dict[str, str] | None) -> dict[str, Any]:
    entries = [{"digest": DIGEST, **({"platform": platform} if platform else {})} for platform in platforms]
    return {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}


def with_layer(**changed: Any) -> dict[str, Any]:
    return IMAGE | {"layers": [DESCRIBED | changed]}


MANIFESTS: dict[str, tuple[Any, str, str]] = {
    "schema 1": ({"schemaVersion": 1, "fsLayers": []}, "UnsupportedImage", "schema 1, .* push it again"),
    "another type": (
        IMAGE | {"mediaType": "application/vnd.x"},
        "UnsupportedImage",
        "type application/vnd.x",
    ),
    "a Helm chart's layer": (
        with_layer(mediaType="application/vnd.cncf.helm"),
        "UnsupportedImage",
        "no name",
    ),
    "no layers": (IMAGE | {"layers": []}, "UnsupportedImage", "has 0 layers"),
    "endless layers": (IMAGE | {"layers": [DESCRIBED] * 1001}, "UnsupportedImage", "has 1001 layers"),
    "sha512": (with_layer(digest="sha512:00"), "UnsupportedImage", "another digest than sha256"),
    "a digest that climbs": (with_layer(digest="sha256:/../x"), "UnsupportedImage", "another digest"),
    "a size that is none": (with_layer(size=-1), "UnexpectedAnswer", "cannot be read"),
    "a title that is none": (with_layer(annotations={TITLE: 1}), "UnexpectedAnswer", "cannot be read"),
    "layers that are none": (IMAGE | {"layers": "x"}, "UnexpectedAnswer", "cannot be read; push it again"),
    "no JSON": (b"<html>", "UnexpectedAnswer", "cannot be read"),
    "a list": (b"[]", "UnexpectedAnswer", "cannot be read"),
    "deep": (b"[" * 100_000, "UnexpectedAnswer", "cannot be read"),
    "endless": (b" " * (5 << 20), "UnexpectedAnswer", "endless manifest"),
    "an index of nothing": (index(), "UnsupportedImage", "is there for nothing, not for linux/"),
}


@pytest.mark.parametrize(("manifest", "reason", "sentence"), MANIFESTS.values(), ids=MANIFESTS)
def test_manifests_of_no_model_are_refused(goal: Path, manifest: Any, reason: str, sentence: str) -> None:
    with lying(manifest) as (_, uri):
        error = refused(uri, goal)
    assert error.reason == reason
    assert re.search(sentence, error.message), error.message


def test_an_index_of_indices_is_refused(goal: Path) -> None:
    inner = json.dumps(index(None)).encode()
    outer = index(None)
    outer["manifests"][0]["digest"] = f"sha256:{hashlib.sha256(inner).hexdigest()}"
    with lying(outer, before=lambda asked: said(inner, INDEX) if "sha256:" in asked.path else None) as (
        _,
        uri,
    ):
        error = refused(uri, goal)
    assert (error.reason, "names another index" in error.message) == ("UnsupportedImage", True)


def test_another_manifest_than_the_pinned_one_is_refused(goal: Path) -> None:
    with lying(IMAGE) as (_, uri):
        error = refused(f"{uri}@{PIN}", goal)
    assert (error.reason, "another manifest than the digest names" in error.message) == ("Unreachable", True)


def test_another_blob_than_the_manifest_names_is_refused(goal: Path) -> None:
    other = hashlib.sha256(b"").hexdigest()
    with lying(with_layer(digest=f"sha256:{other}")) as (_, uri):
        error = refused(uri, goal)
    assert (error.reason, "another sha256 than the place promises" in error.message) == ("Unreachable", True)


def test_a_registry_that_wants_fewer_questions_is_asked_later(goal: Path) -> None:
    busy = [Answer(status=429, headers={"Retry-After": "0"}), Answer(status=503)] * 2
    with lying(IMAGE, before=lambda _: busy.pop() if busy and len(busy) != 2 else None) as (_, uri):
        fetch(uri, goal)
    assert tree(goal) == PIR_MODEL


CHALLENGES = {
    "no scheme": ("", "by nothing that it names"),
    "another scheme": ("Negotiate", "by negotiate, which is not supported"),
    "no realm": ("Bearer service=x", "without TLS, or none"),
    "a realm of another kind": ('Bearer realm="file:///etc/passwd"', "without TLS, or none"),
}


@pytest.mark.parametrize(("challenge", "sentence"), CHALLENGES.values(), ids=CHALLENGES)
def test_a_login_that_is_none_is_refused(goal: Path, challenge: str, sentence: str) -> None:
    no = Answer(status=401, headers={"WWW-Authenticate": challenge})
    with lying(IMAGE, before=lambda _: no) as (_, uri):
        error = refused(uri, goal)
    assert (error.reason, sentence in error.message) == ("UnexpectedAnswer", True), error.message


@pytest.mark.parametrize("content", [b"<html>", b"[]", b"{}", b'{"token": 1}', b'{"token": null}'])
def test_a_token_that_is_none_is_refused(goal: Path, content: bytes) -> None:
    with answering(lambda _: Answer(body=content)) as tokens:
        no = Answer(status=401, headers={"WWW-Authenticate": f'Bearer realm="{tokens}/t",service="s"'})
        with lying(IMAGE, before=lambda _: no) as (_, uri):
            error = refused(uri, goal)
    assert (error.reason, "sent none" in error.message) == ("UnexpectedAnswer", True)


def test_the_password_is_sent_to_the_token_server_and_the_token_to_the_registry_alone(goal: Path) -> None:
    seen: list[Asked] = []

    def tokens(asked: Asked) -> Answer:
        seen.append(asked)
        return as_json({"access_token": "planted-token"})

    storage_seen: list[Asked] = []

    def storage(asked: Asked) -> Answer:
        storage_seen.append(asked)
        return Answer(body=BLOB)

    with answering(tokens) as server, answering(storage) as stored:
        challenge = f'Bearer realm="{server}/t",service="s",scope="repository:models/net:pull"'

        def before(asked: Asked) -> Answer | None:
            if asked.token != "planted-token":
                return Answer(status=401, headers={"WWW-Authenticate": challenge})
            if "/blobs/" in asked.path:
                return Answer(status=307, headers={"Location": f"{stored}/blob?sig=planted-signature"})
            return None

        with lying(IMAGE, before=before) as (liar, uri):
            fetch(uri, goal, credentials={"username": "me", "password": "planted-password"})
    basic = "Basic " + base64.b64encode(b"me:planted-password").decode()
    assert {asked.headers.get("authorization") for asked in seen} == {basic}
    assert {asked.headers.get("authorization") for asked in liar.seen} == {None, "Bearer planted-token"}
    assert [asked.headers.get("authorization") for asked in storage_seen] == [None]


REFERENCES = {
    "registry.example.com/net": "https://registry.example.com/v2/net latest",
    "registry.example.com:5000/a/b-c/net:v1": "https://registry.example.com:5000/v2/a/b-c/net v1",
    f"r.example.com/net:v1@{PIN}": f"https://r.example.com/v2/net {PIN}",
    "docker.io/net:1": "https://registry-1.docker.io/v2/library/net 1",
    "index.docker.io/me/net:1": "https://registry-1.docker.io/v2/me/net 1",
    "localhost:5000/net:1": "http://localhost:5000/v2/net 1",
    "127.0.0.1:5000/net:1": "http://127.0.0.1:5000/v2/net 1",
    "[::1]:5000/net:1": "http://[::1]:5000/v2/net 1",
    "10.0.0.1:5000/net:1": "https://10.0.0.1:5000/v2/net 1",
    "localhost.example.com/net:1": "https://localhost.example.com/v2/net 1",
}


@pytest.mark.parametrize(("name", "asked"), REFERENCES.items(), ids=REFERENCES)
def test_where_an_image_is_asked_for(name: str, asked: str) -> None:
    """Without TLS only on this machine."""
    found = reference.read(f"oci://{name}")
    assert f"{found.base} {found.named}" == asked


NO_IMAGES = (
    "net",
    "r.io/",
    "r.io/Net",
    "r.io/a//b",
    "r.io/a/../b",
    "u:p@r.io/a",
    "r.io/net:",
    "r.io/net@sha256:00",
)


@pytest.mark.parametrize(
    "name", [*NO_IMAGES, "r.io/net?x", "r.io/net@md5:0", "[x]/a", "r.io/a-", "r.io/a/", "/a"]
)
def test_what_names_no_image_is_refused(name: str) -> None:
    with pytest.raises(StartError, match="correct it") as caught:
        reference.read(f"oci://{name}")
    assert caught.value.reason == "InvalidUri"


def config(**auths: Any) -> str:
    """With underscores for dots."""
    return json.dumps({"auths": {host.replace("_", "."): entry for host, entry in auths.items()}})


PLAIN = {"username": "me", "password": "planted"}
ENCODED = {"auth": base64.b64encode(b"you:planted:2").decode()}
LOGINS = {
    "by host": (config(r_io=PLAIN), "r.io", ("me", "planted")),
    "encoded, with a colon in it": (config(r_io=ENCODED), "r.io", ("you", "planted:2")),
    "by the longest path": (config(r_io=PLAIN, **{"r.io/team": ENCODED}), "r.io", ("you", "planted:2")),
    "not by another path": (config(r_io=PLAIN, **{"r.io/te": ENCODED}), "r.io", ("me", "planted")),
    "by a pattern": (config(**{"*.r.io": PLAIN}), "eu.r.io", ("me", "planted")),
    "with a scheme and a version": (
        json.dumps({"auths": {"https://r.io/v2/": PLAIN}}),
        "r.io",
        ("me", "planted"),
    ),
    "of Docker Hub": (
        json.dumps({"auths": {"https://index.docker.io/v1/": PLAIN}}),
        "docker.io",
        ("me", "planted"),
    ),
}


@pytest.mark.parametrize(("text", "registry", "login"), LOGINS.values(), ids=LOGINS)
def test_a_login_is_found_in_a_pull_secret(text: str, registry: str, login: tuple[str, str]) -> None:
    assert docker_config.login(text, registry, "team/net") == login


NO_LOGINS = {
    "another host": (config(other_io=PLAIN), "has no login for r.io, only for other.io"),
    "a pattern for one label": (config(**{"*.io": PLAIN, "*.r.io": PLAIN}), "only for"),
    "a port": (config(**{"r.io:5000": PLAIN}), "only for r.io:5000"),
    "no auths": ("{}", "cannot be read; make it with `kubectl create secret docker-registry`"),
    "no JSON": ("planted", "cannot be read"),
    "no base64": (config(r_io={"auth": "planted!"}), "cannot be read"),
    "no colon": (config(r_io={"auth": "cGxhbnRlZA=="}), "cannot be read"),
    "an identity token": (config(r_io={"identitytoken": "planted"}), "only Docker can use"),
}


@pytest.mark.parametrize(("text", "sentence"), NO_LOGINS.values(), ids=NO_LOGINS)
def test_a_pull_secret_without_a_login_says_so_and_shows_nothing(text: str, sentence: str) -> None:
    registry = "eu.a.r.io" if "pattern" in sentence else "r.io"
    if sentence == "only for":
        registry = "a.b.r.io"
    with pytest.raises(StartError, match=re.escape(sentence)) as caught:
        docker_config.login(text, registry, "net")
    assert caught.value.reason == "InvalidCredentials"
    assert "planted" not in caught.value.message


def test_attestations_are_no_platforms() -> None:
    unknown, arm = {"os": "unknown", "architecture": "unknown"}, {"os": "linux", "architecture": "arm64"}
    assert manifests.chosen(index(unknown, arm, unknown), "amd64") == DIGEST
    assert manifests.chosen(index(None), "amd64") == DIGEST
