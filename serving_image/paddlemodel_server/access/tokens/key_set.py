"""The public keys of an issuer, and what a token that one of them has signed says; the one door to PyJWT.

By which algorithm a token is verified, the key says, never the token: one that names another is refused, and
so is each token without a signature or with one that is made by a secret (none, HS256).
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

import jwt
from paddlemodel_api import contract

from paddlemodel_server.access.tokens.issuer import Issuer
from paddlemodel_server.errors import StartError, UnauthorizedError

LEEWAY_SECONDS: Final = 30  # that clocks may differ
MOST_BYTES: Final = 64 * 1024  # of a set
MOST_KEYS: Final = 64
MOST_TOKEN: Final = 16 * 1024  # characters
LEAST_RSA_BITS: Final = 2048
_RSA: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_CURVES: Final = {
    "P-256": ("ES256",),
    "P-384": ("ES384",),
    "P-521": ("ES512",),
    "Ed25519": ("EdDSA",),
}
_ALGORITHMS: Final = frozenset(_RSA).union(*_CURVES.values())
_FORM: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_BAD: Final = (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError)
_NO_TOKEN: Final = "What this request sends is no signed token of the form that is taken here."  # noqa: S105
_NO_ALGORITHM: Final = "The token of this request is signed by an algorithm that is not taken here."
_INVALID: Final = "The token of this request is not valid."
_SENTENCES: Final[dict[type[Exception], str]] = {
    jwt.ExpiredSignatureError: "The token of this request has expired.",
    jwt.ImmatureSignatureError: "The token of this request is not valid yet.",
    jwt.InvalidAudienceError: "The token of this request is for another audience.",
    jwt.InvalidIssuerError: "The token of this request is of another issuer.",
}


class UnknownKeyError(Exception):
    """A token names a key that is not in the set."""


class TokenKeys:
    """All keys of an issuer at one moment."""

    def __init__(self, content: bytes) -> None:
        """Take them over; those that are not for signatures, or of another kind, are left out.

        Args:
            content: a JSON Web Key Set (RFC 7517).

        Raises:
            StartError: `JwtKeysInvalid`; no sentence has a key in it.
        """
        self.superseded = False
        self._keys: dict[str, dict[str, jwt.PyJWK]] = {}  # by kid and algorithm
        for number, key in enumerate(_listed(content)):
            name = key.get("kid") or f" {number}"  # no kid has a space at its beginning
            if _is_for_signatures(key) and (found := _usable(key)):
                self._keys.setdefault(name, {}).update(found)
        if not self._keys:
            raise _invalid("none of them is a public key for RS256, PS256, ES256, EdDSA or one of their kin")

    def __len__(self) -> int:
        return len(self._keys)

    def claims(self, token: str, issuer: Issuer) -> Mapping[str, Any]:
        """What a token says.

        Raises:
            UnauthorizedError: it is none, or not valid.
            UnknownKeyError: who has signed it is not known; nothing of it was believed.
        """
        if len(token) > MOST_TOKEN or not _FORM.fullmatch(token):
            raise UnauthorizedError(_NO_TOKEN)
        try:
            header = jwt.get_unverified_header(token)
        except _BAD:
            raise UnauthorizedError(_NO_TOKEN) from None
        key = self._key(header)
        try:
            found: Mapping[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[key.algorithm_name],
                audience=issuer.audiences,
                issuer=issuer.name,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud"]},
            )
        except _BAD as error:
            raise UnauthorizedError(_SENTENCES.get(type(error), _INVALID)) from None
        return found

    def _key(self, header: Mapping[str, Any]) -> jwt.PyJWK:
        """The key that a token names; a token without a name can only mean the one that there is."""
        algorithm, name = header.get("alg"), header.get("kid")
        if not isinstance(algorithm, str) or algorithm not in _ALGORITHMS:
            raise UnauthorizedError(_NO_ALGORITHM)
        if name is None and len(self._keys) == 1:
            (name,) = self._keys
        if not isinstance(name, str) or name not in self._keys:
            raise UnknownKeyError
        key = self._keys[name].get(algorithm)
        if key is None:
            raise UnauthorizedError(_NO_ALGORITHM)
        return key


def _listed(content: bytes) -> list[dict[str, Any]]:
    if len(content) > MOST_BYTES:
        raise _invalid(f"there are more than {MOST_BYTES // 1024} KiB of them")
    try:
        keys = json.loads(content)["keys"]
    except (ValueError, TypeError, KeyError, RecursionError):
        keys = None
    if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):
        raise _invalid('they are no JSON Web Key Set, {"keys": [...]}')
    if len(keys) > MOST_KEYS:
        raise _invalid(f"there are {len(keys)} of them; at most {MOST_KEYS} are taken")
    if any("d" in key or key.get("kty") == "oct" for key in keys):
        raise _invalid("one of them is a private key or a secret, which only the issuer may have: replace it")
    return keys


def _is_for_signatures(key: Mapping[str, Any]) -> bool:
    return key.get("use", "sig") == "sig" and isinstance(key.get("kid", ""), str)


def _usable(key: dict[str, Any]) -> dict[str, jwt.PyJWK]:
    """A key by the algorithms for which it is; empty where it is for none of ours, or too short."""
    is_rsa = key.get("kty") == "RSA"
    possible = _RSA if is_rsa else _CURVES.get(str(key.get("crv")), ())
    try:
        found = {name: jwt.PyJWK(key, name) for name in possible if key.get("alg", name) == name}
    except _BAD:
        return {}
    return {} if is_rsa and any(one.key.key_size < LEAST_RSA_BITS for one in found.values()) else found


def _invalid(what: str) -> StartError:
    return StartError(contract.JWT_KEYS_INVALID, f"The issuer's keys cannot be used: {what}.")
