"""Who a token is of, as long as its keys are; tokens are verified once."""

import logging
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from paddlemodel_server.access.tokens import verifier
from paddlemodel_server.access.tokens.issuer import Issuer as Wanted
from paddlemodel_server.access.tokens.source import Loop as Threads
from paddlemodel_server.access.tokens.source import Take
from paddlemodel_server.access.tokens.verifier import Verifier
from paddlemodel_server.errors import ForbiddenError, StartError, TokenKeysComingError, UnauthorizedError
from paddlemodel_server.ipc import access_page
from paddlemodel_server.ipc.access_page import AccessPage

from tests.serving_image.support.access.issuers import AUDIENCE, NAME, Issuer, rsa_key
from tests.serving_image.support.access.loops import Loop

NUMBERS = {"one": 0, "two": 1}


class Source:
    """Keys that a test gives."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.new: bytes | StartError | None = None
        self.asked = 0
        self.coming = False

    def first(self) -> bytes:
        return self.content

    def look(self, _loop: Threads, take: Take) -> None:
        if self.new is not None:
            take(self.new)

    def ask(self, _loop: Threads | None, _take: Take) -> bool:
        self.asked += 1
        return self.coming


@pytest.fixture
def page() -> Iterator[AccessPage]:
    fd = access_page.create()
    yield AccessPage(fd)
    os.close(fd)


def issuer(*kids: str) -> Issuer:
    return Issuer({kid: rsa_key(NUMBERS[kid]) for kid in kids or ("one",)})


def made(page: AccessPage, source: Source, **fields: Any) -> Verifier:
    return Verifier(Wanted(name=NAME, audiences=(AUDIENCE,), **fields), source, page)


def test_a_token_is_verified_once(page: AccessPage, monkeypatch: pytest.MonkeyPatch) -> None:
    found, token = made(page, Source(issuer().key_set())), issuer().token()
    grant = found.grant(token)
    assert (grant.client.name, grant.keys.superseded, page.token_keys) == ("jwt:alice", False, 1)
    monkeypatch.setattr(found.keys, "claims", None)
    assert found.grant(token) is grant
    monkeypatch.setattr("time.time", lambda: grant.until)
    with pytest.raises(TypeError):  # it would be verified again
        found.grant(token)


def test_what_is_remembered_is_bounded(page: AccessPage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifier, "MOST", 2)
    found = made(page, Source(issuer().key_set()))
    for number in range(7):
        found.grant(issuer().token(sub=f"client-{number}"))
        assert len(found._grants) <= 2


def test_a_client_is_told_by_a_claim_and_must_be_allowed(page: AccessPage) -> None:
    found = made(page, Source(issuer().key_set()), claim="email", clients=("a@*", "b@b"))
    assert found.grant(issuer().token(email="a@c")).client.name == "jwt:a@c"
    with pytest.raises(ForbiddenError):
        found.grant(issuer().token(email="c@b"))
    for claims in ({}, {"email": ""}, {"email": ["a@c"]}):
        with pytest.raises(UnauthorizedError, match="does not say who"):
            found.grant(issuer().token(**claims))


def test_new_keys_take_the_place_of_those_before(page: AccessPage) -> None:
    source = Source(issuer().key_set())
    found, loop = made(page, source), Loop()
    before = found.grant(issuer().token())
    found.watch(loop)
    source.new = source.content  # fetched again, and the same
    loop.timers[0]()
    assert not before.keys.superseded
    source.new = issuer("one", "two").key_set()
    loop.timers[0]()
    assert (before.keys.superseded, page.token_keys, page.token_keys_outdated) == (True, 2, False)
    assert found.grant(issuer().token()).client == before.client
    assert found.grant(issuer("two").token("two"))
    source.new = issuer("two").key_set()
    loop.timers[0]()
    with pytest.raises(UnauthorizedError, match="not known"):
        found.grant(issuer().token())


def test_unusable_keys_change_nothing_and_are_told_once(
    page: AccessPage, caplog: pytest.LogCaptureFixture
) -> None:
    source = Source(issuer().key_set())
    found, loop, token = made(page, source), Loop(), issuer().token()
    grant = found.grant(token)
    found.watch(loop)
    for new in (StartError("JwtKeysMissing", "It is gone."), b"<html>"):
        caplog.clear()
        source.new = new
        with caplog.at_level(logging.ERROR):
            loop.timers[0]()
            loop.timers[0]()
        (told,) = caplog.messages
        assert told.endswith("Until that is repaired, the keys from before stay valid.")
        assert page.token_keys_outdated
        assert found.grant(token) is grant
    source.new = source.content
    loop.timers[0]()
    assert (page.token_keys_outdated, found.grant(token) is grant) == (False, True)


def test_a_key_that_is_not_known_is_asked_for(page: AccessPage) -> None:
    source = Source(issuer().key_set())
    found = made(page, source)
    source.coming = True
    with pytest.raises(TokenKeysComingError):
        found.grant(issuer("two").token("two"))
    source.coming = False
    with pytest.raises(UnauthorizedError, match="not known"):
        found.grant(issuer("two").token("two"))
    assert source.asked == 2
    found.grant(issuer().token())
    with pytest.raises(UnauthorizedError):
        found.grant(issuer().token(exp=1))
    assert source.asked == 2


@pytest.mark.parametrize("content", [b"", b"{}"])
def test_there_is_no_start_without_keys(page: AccessPage, content: bytes) -> None:
    start: Callable[[], Verifier] = lambda: made(page, Source(content))  # noqa: E731
    with pytest.raises(StartError) as caught:
        start()
    assert caught.value.reason == "JwtKeysInvalid"
