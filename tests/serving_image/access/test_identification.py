"""Keys, tokens or both: what opens, and what is said where nothing does."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from paddlemodel_server.access.identification import Identification
from paddlemodel_server.access.keyring import Keyring
from paddlemodel_server.access.tokens.issuer import Issuer as Wanted
from paddlemodel_server.access.tokens.source import MountedKeys
from paddlemodel_server.access.tokens.verifier import Verifier
from paddlemodel_server.errors import ForbiddenError, UnauthorizedError
from paddlemodel_server.ipc import access_page
from paddlemodel_server.ipc.access_page import AccessPage

from tests.serving_image.support.access.issuers import AUDIENCE, NAME, Issuer
from tests.serving_image.support.access.mounts import mount, mount_bytes

KEY = "alice-0123456789abcdef"
HTML = {"accept": "text/html,*/*"}


@pytest.fixture
def page() -> Iterator[AccessPage]:
    fd = access_page.create()
    yield AccessPage(fd)
    os.close(fd)


def made(folder: Path, page: AccessPage, parts: str) -> Identification:
    keys, tokens = mount(folder / "keys", alice=KEY), folder / "tokens"
    mount_bytes(tokens, {"jwks.json": Issuer().key_set()})
    wanted = Wanted(name=NAME, audiences=(AUDIENCE,), clients=("alice",))
    return Identification(
        "m",
        Keyring(keys, page) if "k" in parts else None,
        Verifier(wanted, MountedKeys(tokens), page) if "t" in parts else None,
    )


@pytest.mark.parametrize(
    ("parts", "headers", "challenge"),
    [
        ("k", {}, 'Bearer realm="m"'),
        ("k", {"x-api-key": "wrong"}, 'Bearer realm="m", error="invalid_token"'),
        ("k", HTML, 'Bearer realm="m", Basic realm="m"'),
        ("t", HTML, 'Bearer realm="m"'),
        ("t", {"authorization": "Bearer a.b.c"}, 'Bearer realm="m", error="invalid_token"'),
        ("kt", HTML, 'Bearer realm="m", Basic realm="m"'),
    ],
)
def test_the_challenge(
    tmp_path: Path, page: AccessPage, parts: str, headers: dict[str, str], challenge: str
) -> None:
    with pytest.raises(UnauthorizedError) as caught:
        made(tmp_path, page, parts).grant(headers)
    assert caught.value.headers == (("WWW-Authenticate", challenge),)


@pytest.mark.parametrize(
    ("parts", "headers", "said"),
    [
        ("k", {}, "needs an API key"),
        ("k", {"authorization": "Bearer a.b.c"}, "The API key of this request is not valid."),
        ("t", {}, "needs a token"),
        ("t", {"x-api-key": KEY}, "needs a token"),
        ("t", {"authorization": "Basic YWxpY2U6eA=="}, "needs a token"),
        ("t", {"authorization": f"Bearer {KEY}"}, "is no signed token"),
        ("t", {"authorization": "Bearer a.b.c, Bearer d.e.f"}, "is no signed token"),
        ("kt", {}, "needs a token or an API key"),
        ("kt", {"x-api-key": "wrong"}, "The API key of this request is not valid."),
    ],
)
def test_the_sentence(
    tmp_path: Path, page: AccessPage, parts: str, headers: dict[str, str], said: str
) -> None:
    with pytest.raises(UnauthorizedError) as caught:
        made(tmp_path, page, parts).grant(headers)
    assert said in caught.value.message


def test_keys_and_tokens_open_side_by_side_and_their_clients_differ(tmp_path: Path, page: AccessPage) -> None:
    both, token = made(tmp_path, page, "kt"), Issuer().token()
    assert both.grant({"authorization": f"Bearer {KEY}"}).client.name == "alice"
    assert both.grant({"x-api-key": KEY, "authorization": "Bearer nonsense"}).client.name == "alice"
    assert both.grant({"authorization": f"bearer {token}"}).client.name == "jwt:alice"
    with pytest.raises(UnauthorizedError):  # the header for keys alone is looked at where it is there
        both.grant({"x-api-key": "wrong", "authorization": f"Bearer {token}"})
    alone = made(tmp_path, page, "t")
    assert alone.grant({"x-api-key": "of a proxy", "authorization": f"Bearer {token}"})
    with pytest.raises(ForbiddenError):
        alone.grant({"authorization": f"Bearer {Issuer().token(sub='bob')}"})
