"""Issuers of signed tokens: keys, the set that they publish, and tokens as they should and should not be."""

import json
import time
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

NAME, AUDIENCE = "https://issuer.example.com", "mixed"
Private = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


@cache
def rsa_key(number: int = 0, bits: int = 2048) -> rsa.RSAPrivateKey:
    """Made once: it takes a tenth of a second."""
    assert number >= 0
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def public(key: Private, **fields: Any) -> dict[str, Any]:
    """As a set has it."""
    found: dict[str, Any]
    match key:
        case rsa.RSAPrivateKey():
            found = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
        case ec.EllipticCurvePrivateKey():
            found = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
        case _:
            found = OKPAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return found | fields


@dataclass
class Issuer:
    """Keys by their kid."""

    keys: dict[str, Private] = field(default_factory=lambda: {"one": rsa_key()})

    def key_set(self) -> bytes:
        return key_set(*(public(key, kid=kid, use="sig") for kid, key in self.keys.items()))

    def token(self, kid: str = "one", algorithm: str = "RS256", headers: Any = None, **claims: Any) -> str:
        """A token of alice that is valid for ten minutes; a claim that is None is left out."""
        now = int(time.time())
        said = {"iss": NAME, "aud": AUDIENCE, "sub": "alice", "iat": now, "exp": now + 600} | claims
        said = {name: value for name, value in said.items() if value is not None}
        return jwt.encode(said, self.keys[kid], algorithm, {"kid": kid, **(headers or {})})


def key_set(*keys: dict[str, Any]) -> bytes:
    return json.dumps({"keys": keys}).encode()
