"""Signed tokens of an issuer (`jwt`): whose, for whom, and who may use the model with one."""

import re
from typing import Annotated, ClassVar, Final

from pydantic import Field

from paddlemodel_api import uri as uri_grammar
from paddlemodel_api.base import Block, Name, OneOf, Rule, matches

KEYS_ENTRY: Final = "jwks.json"
"""The entry of the ConfigMap."""
_ADDRESS: Final = r"https://(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:/[!-?A-~]*)?"
_CLIENT: Final = r"[^*]+[*]?"

Text = Annotated[str, Field(min_length=1, max_length=256)]


class TokenKeys(OneOf):
    """The issuer's public keys, as a JSON Web Key Set (RFC 7517); exactly one of the following."""

    place: ClassVar = "spec.access.jwt.keys"
    uri: Annotated[str, Field(max_length=512)] | None = Field(
        default=None,
        description="Where the issuer publishes them, as https://HOST/PATH; in its OpenID configuration it "
        "is jwks_uri. The pods fetch it, every five minutes and when a token names a key that they do not "
        "know. Default: none, configMapName is given.",
    )
    config_map_name: Name | None = Field(
        default=None,
        description=f"ConfigMap of the model's namespace with the entry {KEYS_ENTRY}, for issuers that the "
        "pods do not reach, such as the cluster itself: kubectl get --raw /openid/v1/jwks. A change is in "
        "force within two minutes, without a restart. Default: none, uri is given.",
    )


class Jwt(Block):
    """Tokens of an issuer, as Authorization: Bearer TOKEN, signed by RSA, ECDSA or Ed25519."""

    issuer: Text = Field(description="What a token must have as iss, character by character.")
    audiences: Annotated[tuple[Text, ...], Field(min_length=1, max_length=16)] = Field(
        description="A token must have at least one of them as aud. Take a name that no other service takes."
    )
    keys: TokenKeys = Field(description="The public keys of the issuer.")
    client_claim: Annotated[str, Field(max_length=64)] = Field(
        default="sub",
        description="The claim that names the client, for limits per Client: a string in the token.",
    )
    clients: Annotated[tuple[Text, ...], Field(min_length=1, max_length=64)] | None = Field(
        default=None,
        description="Who may use the model, by clientClaim; a * at the end stands for anything. Others get "
        "403. Give it for tokens of Kubernetes, where every pod may ask for one with any audience: "
        "system:serviceaccount:NAMESPACE:NAME. Default: everybody with a valid token.",
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        matches(
            "client_claim",
            r"[A-Za-z0-9_:/.-]+",
            "spec.access.jwt.clientClaim is the name of a claim such as sub or email: correct it",
        ),
        Rule(
            cel=f"!has(self.keys.uri) || self.keys.uri.matches(r'^(?:{_ADDRESS})$')",
            holds=lambda jwt: jwt.keys.uri is None or bool(re.fullmatch(_ADDRESS, jwt.keys.uri)),
            message="spec.access.jwt.keys.uri is an address such as https://login.example.com/keys, without "
            "a user; keys that come by http could be anybody's: correct it",
            field="keys",
        ),
        Rule(
            cel=f"!has(self.keys.uri) || !self.keys.uri.matches(r'{uri_grammar.LINK_LOCAL}')",
            holds=lambda jwt: (
                jwt.keys.uri is None or not uri_grammar.holds(jwt.keys.uri, uri_grammar.LINK_LOCAL)
            ),
            message="spec.access.jwt.keys.uri must not name a link-local or metadata address: use the "
            "issuer's",
            field="keys",
        ),
        Rule(
            cel=f"!has(self.clients) || self.clients.all(client, client.matches(r'^{_CLIENT}$'))",
            holds=lambda jwt: all(re.fullmatch(_CLIENT, client) for client in jwt.clients or ()),
            message="spec.access.jwt.clients are names, or beginnings of names with a * behind them: correct "
            "them, and leave clients out where everybody may",
            field="clients",
        ),
    )
