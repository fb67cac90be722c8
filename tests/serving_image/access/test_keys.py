"""Whose key a request carries, and which Secrets are no set of keys."""

import base64

import pytest
from paddlemodel_server.access import keys
from paddlemodel_server.access.keys import KeySet
from paddlemodel_server.errors import StartError

ALICE, ALICE_NEXT, BOB = b"alice-0123456789abcdef", b"alice-fedcba9876543210", b"bob-0123456789abcdefgh"
SET = KeySet({"alice": ALICE, "alice.2": ALICE_NEXT, "bob": BOB + b"\n"})


def basic(user: str, key: bytes) -> str:
    return "Basic " + base64.b64encode(user.encode() + b":" + key).decode()


@pytest.mark.parametrize(
    ("headers", "client"),
    [
        pytest.param({}, None, id="nothing"),
        pytest.param({"authorization": f"Bearer {ALICE.decode()}"}, "alice", id="bearer"),
        pytest.param({"authorization": f"bearer  {ALICE.decode()} "}, "alice", id="bearer in lower case"),
        pytest.param({"authorization": f"Bearer {ALICE_NEXT.decode()}"}, "alice", id="a second key"),
        pytest.param({"authorization": f"Bearer {BOB.decode()}"}, "bob", id="a line end in the Secret"),
        pytest.param({"authorization": ALICE.decode()}, None, id="no scheme"),
        pytest.param({"authorization": f"Bearer {ALICE.decode()}x"}, None, id="longer"),
        pytest.param({"authorization": f"Bearer {ALICE.decode()[:-1]}"}, None, id="shorter"),
        pytest.param({"authorization": f"Bearer {ALICE.decode().upper()}"}, None, id="other case"),
        pytest.param({"authorization": "Bearer "}, None, id="an empty key"),
        pytest.param({"authorization": "Bearer ÿ\u00e4"}, None, id="no ASCII"),
        pytest.param({"authorization": f"Digest {ALICE.decode()}"}, None, id="another scheme"),
        pytest.param({"authorization": f"Bearer {ALICE.decode()},Bearer {BOB.decode()}"}, None, id="two"),
        pytest.param({"x-api-key": BOB.decode()}, "bob", id="x-api-key"),
        pytest.param({"x-api-key": ""}, None, id="an empty x-api-key"),
        pytest.param(
            {"x-api-key": BOB.decode(), "authorization": "Basic cHJveHk6cHJveHk="},
            "bob",
            id="authorization is a proxy's own",
        ),
        pytest.param(
            {"x-api-key": "wrong", "authorization": f"Bearer {ALICE.decode()}"}, None, id="x-api-key decides"
        ),
        pytest.param({"authorization": basic("alice", ALICE_NEXT)}, "alice", id="basic"),
        pytest.param({"authorization": basic("", BOB)}, "bob", id="basic without a user"),
        pytest.param({"authorization": basic("alice", BOB)}, None, id="basic with another's key"),
        pytest.param({"authorization": "Basic !"}, None, id="basic that is no base64"),
        pytest.param({"authorization": "Basic YQ=="}, None, id="basic without a colon"),
        pytest.param({"cookie": f"key={ALICE.decode()}"}, None, id="a cookie"),
    ],
)
def test_whose_key_it_is(headers: dict[str, str], client: str | None) -> None:
    found = SET.client(headers)
    assert (found and found.name) == client


def test_two_keys_of_a_client_are_one_client() -> None:
    first = SET.client({"x-api-key": ALICE.decode()})
    assert first is SET.client({"x-api-key": ALICE_NEXT.decode()})
    assert len(SET) == 3


@pytest.mark.parametrize(
    ("entries", "reason", "said"),
    [
        pytest.param({}, "ApiKeysMissing", "There are no API keys", id="empty"),
        pytest.param({"a": b"short"}, "ApiKeysInvalid", "that of a has 5 characters", id="short"),
        pytest.param({"a": b""}, "ApiKeysInvalid", "that of a has 0 characters", id="an empty entry"),
        pytest.param({"a": b"x" * 513}, "ApiKeysInvalid", "that of a has 513", id="long"),
        pytest.param({"a": b"0123456789 abcdef"}, "ApiKeysInvalid", "no visible ASCII", id="a space"),
        pytest.param({"a": b"0123456789\xc3\xa4cdef"}, "ApiKeysInvalid", "no visible ASCII", id="no ASCII"),
        pytest.param({"a": b"0123456789abcdef\n\n0123456789"}, "ApiKeysInvalid", "no visible", id="lines"),
        pytest.param({"alice": ALICE, "bob": ALICE}, "ApiKeysInvalid", "bob has the same key", id="shared"),
        pytest.param(
            {f"c{n}": b"0123456789abcdef%d" % n for n in range(keys.MOST_KEYS + 1)},
            "ApiKeysInvalid",
            "at most 2000",
            id="too many",
        ),
    ],
)
def test_what_is_no_set_of_keys(entries: dict[str, bytes], reason: str, said: str) -> None:
    with pytest.raises(StartError) as caught:
        KeySet(entries)
    assert (caught.value.reason, said in caught.value.message) == (reason, True)
    assert not any(key.decode("latin1") in caught.value.message for key in entries.values() if len(key) > 5)


def test_a_set_keeps_no_key_that_could_be_read() -> None:
    kept = repr(vars(SET)).encode()
    assert not any(key in kept for key in (ALICE, ALICE_NEXT, BOB))


def test_digests_differ_from_set_to_set() -> None:
    """So that nobody who can measure a comparison knows what his guess is compared as."""
    digests = [list(vars(KeySet({"alice": ALICE}))["_clients"]) for _ in range(2)]
    assert digests[0] != digests[1]
