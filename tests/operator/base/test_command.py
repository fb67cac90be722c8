"""What an annotation says of a revision."""

import pytest
from paddlemodel_operator.base.command import Command, read_command
from paddlemodel_operator.base.errors import SpecError


@pytest.mark.parametrize("verb", ["promote", "abort", "pause", "retry"])
def test_what_is_understood(verb: str) -> None:
    found = read_command({"annotations": {"paddlemodel.dev/rollout": f"{verb}@3f2a9c01d7"}})
    assert found == Command(verb, "3f2a9c01d7")
    assert str(found) == f"{verb}@3f2a9c01d7"


def test_nothing_is_said() -> None:
    assert read_command({}) is None
    assert read_command({"annotations": {"a": "b"}}) is None


@pytest.mark.parametrize(
    "said", ["", "promote", "promote@", "Promote@3f", "promote@3f@3f", "promote@xyz", "undo@3f"]
)
def test_anything_else_is_one_sentence(said: str) -> None:
    with pytest.raises(
        SpecError, match=r"paddlemodel\.dev/rollout is .* it is one of promote, abort, pause, retry"
    ):
        read_command({"annotations": {"paddlemodel.dev/rollout": said}})
