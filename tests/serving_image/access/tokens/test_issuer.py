"""What `PADDLEMODEL_JWT` says, and what it may not."""

import json
from typing import Any

import pytest
from paddlemodel_server.access.tokens import issuer
from paddlemodel_server.access.tokens.issuer import Issuer

LEAST: dict[str, Any] = {"issuer": "https://a", "audiences": ["b"]}


def test_everything_is_read() -> None:
    keys = {"uri": "https://a/keys"}
    assert issuer.read(json.dumps(LEAST)) == Issuer(name="https://a", audiences=("b",))
    more = {**LEAST, "keys": keys, "clientClaim": "email", "clients": ["c", "d*"]}
    assert issuer.read(json.dumps(more)) == Issuer(
        name="https://a", audiences=("b",), uri="https://a/keys", claim="email", clients=("c", "d*")
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"issuer": ""},
        {"issuer": 1},
        {"audiences": []},
        {"audiences": "b"},
        {"audiences": [""]},
        {"keys": {"uri": "http://a/keys"}},
        {"keys": {"uri": "file:///etc/passwd"}},
        {"keys": {"uri": 1}},
        {"keys": {"url": "https://a"}},
        {"keys": []},
        {"clientClaim": ""},
        {"clients": []},
        {"algorithms": ["none"]},
    ],
    ids=str,
)
def test_anything_else_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        issuer.read(json.dumps({**LEAST, **fields}))


@pytest.mark.parametrize(
    ("clients", "client", "allowed"),
    [
        ((), "anybody", True),
        (("alice",), "alice", True),
        (("alice",), "alice2", False),
        (("alice", "team-*"), "team-a", True),
        (("team-*",), "a-team-", False),
    ],
)
def test_clients_are_named_whole_or_by_their_beginning(
    clients: tuple[str, ...], client: str, allowed: bool
) -> None:
    assert Issuer(name="a", audiences=("b",), clients=clients).allows(client) == allowed
