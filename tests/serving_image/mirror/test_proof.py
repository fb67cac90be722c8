"""Who shows that it is a model's canary, and who does not."""

import pytest
from paddlemodel_server.mirror import proof
from paddlemodel_server.mirror.wanted import HEADER, UNTOLD


def test_who_knows_the_token_shows_it_for_this_question_alone() -> None:
    one, other = proof.question(), proof.question()
    assert proof.asked({HEADER: f"?{one}"}) == one
    shown = proof.proof("token", one)
    assert proof.is_proof(shown, "token", one)
    assert not proof.is_proof(shown, "token", other)
    assert not proof.is_proof(shown, "another token", one)
    assert not proof.is_proof(b"", "token", one)
    assert b"token" not in shown


def test_where_no_token_was_agreed_on_nothing_can_be_shown() -> None:
    assert proof.is_proof(b"", UNTOLD, proof.question())


@pytest.mark.parametrize("said", ["", "1", "?", "?12", "?" + "g" * 32, "?" + "0" * 33, "\xff"])
def test_what_is_no_question(said: str) -> None:
    assert proof.asked({HEADER: said}) is None
    assert proof.asked({}) is None
