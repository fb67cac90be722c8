"""Fetches from a hub of the tests, quickly, and looks whether anything was left behind or given away."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from paddlemodel_server.errors import StartError
from paddlemodel_server.fetch import command
from paddlemodel_server.fetch.command import Fetched, Options
from paddlemodel_server.fetch.retry_policy import RetryPolicy

QUICK = RetryPolicy(attempts=4, first_pause=0.01, longest_pause=0.05)


def fetch(
    uri: str, goal: Path, endpoint: str | None = None, credentials: Mapping[str, str] | None = None
) -> Fetched:
    options = Options(
        uri=uri, into=goal, endpoint=endpoint, credentials=credentials or {}, timeout=20, retries=QUICK
    )
    return command.fetch(options)


def refused(
    uri: str, goal: Path, endpoint: str | None = None, credentials: Mapping[str, str] | None = None
) -> StartError:
    """The refusal; nothing is left behind, and the sentence tells no secret."""
    with pytest.raises(StartError) as caught:
        fetch(uri, goal, endpoint, credentials)
    assert [path.name for path in goal.parent.iterdir()] == []
    assert not any(value in caught.value.message for value in (credentials or {}).values())
    return caught.value
