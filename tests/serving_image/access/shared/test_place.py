"""What `PADDLEMODEL_SHARED_LIMITS` says, and what numbers are called in the store."""

import json
from dataclasses import replace
from typing import Any

import pytest
from paddlemodel_server.access.limits import Limit
from paddlemodel_server.access.shared import place
from paddlemodel_server.access.shared.place import Place

LEAST: dict[str, Any] = {"uri": "rediss://valkey:6380/1", "prefix": "ml/resnet50"}
LIMIT = Limit(per="Client", requests=60, seconds=60, burst=60)


def test_it_is_read() -> None:
    assert place.read(json.dumps(LEAST)) == Place(**LEAST)


@pytest.mark.parametrize(
    "fields",
    [{"uri": "http://a"}, {"uri": "redis://u:p@a"}, {"uri": 1}, {"prefix": ""}, {"password": "a"}],
    ids=str,
)
def test_anything_else_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        place.read(json.dumps({**LEAST, **fields}))


def test_a_number_is_one_client_s_under_one_limit_of_one_model_and_names_nobody() -> None:
    found = place.read(json.dumps(LEAST))
    key = found.key(LIMIT, "alice")
    assert key.startswith("{ml/resnet50}:")
    assert "alice" not in key
    assert key == found.key(replace(LIMIT), "alice")
    others = {
        found.key(LIMIT, "bob"),
        found.key(replace(LIMIT, per="Address"), "alice"),
        found.key(replace(LIMIT, seconds=61), "alice"),
        replace(found, prefix="ml/other").key(LIMIT, "alice"),
    }
    assert len(others | {key}) == 5
