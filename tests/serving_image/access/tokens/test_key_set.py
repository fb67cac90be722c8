"""Tokens of every kind against a set of keys: those that are valid, and those that somebody has made up."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from paddlemodel_server.access.tokens.issuer import Issuer as Wanted
from paddlemodel_server.access.tokens.key_set import MOST_TOKEN, TokenKeys, UnknownKeyError
from paddlemodel_server.errors import StartError, UnauthorizedError

from tests.serving_image.support.access.issuers import AUDIENCE, NAME, Issuer, key_set, public, rsa_key

WANTED = Wanted(name=NAME, audiences=("other", AUDIENCE))
TAKEN = [("rsa", name) for name in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")] + [
    ("p256", "ES256"),
    ("p384", "ES384"),
    ("p521", "ES512"),
    ("ed", "EdDSA"),
]


@cache
def issuer() -> Issuer:
    """With a key of each kind."""
    return Issuer(
        {
            "rsa": rsa_key(),
            "p256": ec.generate_private_key(ec.SECP256R1()),
            "p384": ec.generate_private_key(ec.SECP384R1()),
            "p521": ec.generate_private_key(ec.SECP521R1()),
            "ed": ed25519.Ed25519PrivateKey.generate(),
        }
    )


@pytest.fixture(scope="module")
def found() -> TokenKeys:
    return TokenKeys(issuer().key_set())


def coded(found: Any) -> str:
    text = found if isinstance(found, bytes) else json.dumps(found).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def good(**claims: Any) -> str:
    return issuer().token("rsa", **claims)


def at(**seconds: int) -> str:
    """One whose times are so many seconds from now."""
    return good(**{name: int(time.time()) + later for name, later in seconds.items()})


def by_hand(header: Any, signature: bytes = b"x") -> str:
    payload = good().split(".")[1]
    return f"{coded(header)}.{payload}.{coded(signature)}"


def secret_of_a_public_key() -> str:
    """HS256 with the public key as its secret: whoever lets the token choose takes it."""
    pem = (
        rsa_key()
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    head, payload = coded({"alg": "HS256", "typ": "JWT", "kid": "rsa"}), good().split(".")[1]
    made = hmac.new(pem, f"{head}.{payload}".encode(), hashlib.sha256).digest()
    return f"{head}.{payload}.{coded(made)}"


def changed() -> str:
    head, _, signature = good().split(".")
    payload = coded({"iss": NAME, "aud": AUDIENCE, "sub": "bob", "exp": int(time.time()) + 600})
    return f"{head}.{payload}.{signature}"


@pytest.mark.parametrize(("kid", "algorithm"), TAKEN)
def test_a_token_by_each_algorithm(found: TokenKeys, kid: str, algorithm: str) -> None:
    assert found.claims(issuer().token(kid, algorithm), WANTED)["sub"] == "alice"


FORM, ALGORITHM, INVALID = "no signed token of the form", "by an algorithm that is not taken", "is not valid."
REFUSED: dict[str, tuple[Callable[[], str], str]] = {
    "nothing": (lambda: "", FORM),
    "a key": (lambda: "0123456789abcdef", FORM),
    "two parts": (lambda: good().rpartition(".")[0], FORM),
    "an encrypted one": (lambda: f"{good()}.a.b", FORM),
    "without a signature": (lambda: good().rpartition(".")[0] + ".", FORM),
    "spaces": (lambda: f"{good()} {good()}", FORM),
    "no ASCII": (lambda: good() + "é", FORM),
    "larger than any": (lambda: good(x="x" * MOST_TOKEN), FORM),
    "a header that is no JSON": (lambda: by_hand(b"{"), FORM),
    "a header that is a list": (lambda: by_hand([]), FORM),
    "a deep header": (lambda: by_hand(b"[" * 9000), FORM),
    "a header that is no text": (lambda: by_hand(b"\xff\xfe"), FORM),
    "none": (lambda: by_hand({"alg": "none", "kid": "rsa"}), ALGORITHM),
    "None": (lambda: by_hand({"alg": "None", "kid": "rsa"}), ALGORITHM),
    "no algorithm": (lambda: by_hand({"kid": "rsa"}), ALGORITHM),
    "algorithms": (lambda: by_hand({"alg": ["RS256"], "kid": "rsa"}), ALGORITHM),
    "a secret": (secret_of_a_public_key, ALGORITHM),
    "another key's algorithm": (lambda: by_hand({"alg": "ES256", "kid": "rsa"}), ALGORITHM),
    "another curve's": (lambda: by_hand({"alg": "ES384", "kid": "p256"}), ALGORITHM),
    "a signature of nobody": (lambda: by_hand({"alg": "RS256", "kid": "rsa"}), INVALID),
    "a critical extension": (lambda: issuer().token("rsa", headers={"crit": ["x"], "x": 1}), FORM),
    "a name that is a number": (lambda: by_hand({"alg": "RS256", "kid": 1}), FORM),
    "a changed one": (changed, INVALID),
    "another one's": (lambda: Issuer({"rsa": rsa_key(1)}).token("rsa"), INVALID),
    "expired": (lambda: at(exp=-60), "has expired"),
    "not yet valid": (lambda: at(nbf=600), "is not valid yet"),
    "from the future": (lambda: at(iat=600), "is not valid yet"),
    "for ever": (lambda: good(exp=None), INVALID),
    "until never": (lambda: good(exp=float("inf")), INVALID),
    "until a word": (lambda: good(exp="soon"), INVALID),
    "of somebody": (lambda: good(iss=None), INVALID),
    "another issuer": (lambda: good(iss=NAME + "/"), "of another issuer"),
    "for everybody": (lambda: good(aud=None), INVALID),
    "another audience": (lambda: good(aud=["a", AUDIENCE.upper()]), "for another audience"),
    "an audience of numbers": (lambda: good(aud=[1]), "for another audience"),
}


@pytest.mark.parametrize(("made", "said"), REFUSED.values(), ids=REFUSED)
def test_a_token_that_is_refused(found: TokenKeys, made: Callable[[], str], said: str) -> None:
    token = made()
    with pytest.raises(UnauthorizedError) as caught:
        found.claims(token, WANTED)
    assert said in caught.value.message
    assert not token or token[-20:] not in caught.value.message


@pytest.mark.parametrize(
    "made",
    [
        lambda: at(exp=-10),
        lambda: at(nbf=10),
        lambda: at(exp=10**12),
        lambda: good(aud=["a", AUDIENCE]),
    ],
    ids=["just expired", "valid in a moment", "valid for ages", "several audiences"],
)
def test_clocks_may_differ_and_audiences_be_several(found: TokenKeys, made: Callable[[], str]) -> None:
    assert found.claims(made(), WANTED)["sub"] == "alice"


def test_a_key_is_found_by_its_name_alone(found: TokenKeys) -> None:
    """Never by what a token brings along."""
    ours = Issuer({"mine": rsa_key(1)})
    for headers in (
        {},
        {"jwk": public(rsa_key(1))},
        {"jku": "https://evil.example.com"},
        {"x5u": "https://evil"},
    ):
        with pytest.raises(UnknownKeyError):
            found.claims(ours.token("mine", headers=headers), WANTED)
    with pytest.raises(UnknownKeyError):
        found.claims(by_hand({"alg": "RS256"}), WANTED)


def test_a_token_without_a_name_means_the_one_key_that_there_is() -> None:
    one = TokenKeys(key_set(public(rsa_key())))
    claims = {"iss": NAME, "aud": AUDIENCE, "exp": int(time.time()) + 600}
    assert one.claims(jwt.encode(claims, rsa_key(), "RS256"), WANTED) == claims


def test_keys_for_other_purposes_are_left_out() -> None:
    found = TokenKeys(
        key_set(
            public(rsa_key(), kid="signs", alg="PS256"),
            public(rsa_key(1), kid="encrypts", use="enc"),
            public(rsa_key(2, 1024), kid="short"),
            public(ec.generate_private_key(ec.SECP256K1()), kid="bitcoin"),
            public(rsa_key(), kid="secret", alg="HS256"),
            {"kty": "XYZ", "kid": "news"},
            {"kty": "RSA", "kid": "broken", "n": "!", "e": 3},
            {"kty": "RSA", "kid": 5},
        )
    )
    assert len(found) == 1
    with pytest.raises(UnauthorizedError, match="algorithm"):
        found.claims(Issuer({"signs": rsa_key()}).token("signs", "RS256"), WANTED)
    assert found.claims(Issuer({"signs": rsa_key()}).token("signs", "PS256"), WANTED)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no JSON Web Key Set"),
        (b"<html>", "no JSON Web Key Set"),
        (b"[]", "no JSON Web Key Set"),
        (b'{"keys": {}}', "no JSON Web Key Set"),
        (b'{"keys": [1]}', "no JSON Web Key Set"),
        (b"[" * 60_000, "no JSON Web Key Set"),
        (b'{"keys": []}', "none of them is a public key"),
        (b" " * 70_000, "more than 64 KiB"),
        (key_set(*[{"kty": "RSA"}] * 65), "there are 65 of them"),
        (key_set({"kty": "oct", "k": "planted-secret"}), "a private key or a secret"),
        (key_set({"kty": "RSA", "d": "planted-secret"}), "a private key or a secret"),
    ],
    ids=range(11),
)
def test_a_set_that_is_none(content: bytes, said: str) -> None:
    with pytest.raises(StartError) as caught:
        TokenKeys(content)
    assert caught.value.reason == "JwtKeysInvalid"
    assert said in caught.value.message
    assert "planted" not in caught.value.message
