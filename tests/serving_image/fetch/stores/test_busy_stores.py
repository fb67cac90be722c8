"""A store that says when to come back is left alone so long."""

from pathlib import Path

import pytest
from paddlemodel_server.fetch import command as fetch
from paddlemodel_server.fetch.command import Options
from paddlemodel_server.fetch.retry_policy import RetryPolicy

from tests.serving_image.support.file_server import no_proxy  # noqa: F401 - a fixture
from tests.serving_image.support.hubs.answering import Answer, Asked, answering
from tests.serving_image.support.models.model_builders import LEGACY_MODEL as MODEL
from tests.serving_image.support.models.model_builders import tar_of, tree
from tests.serving_image.support.stores.object_stores import SECRET


@pytest.fixture
def goal(tmp_path: Path) -> Path:
    return tmp_path / "models" / "model"


@pytest.mark.parametrize("secret", [{}, SECRET], ids=["nobody", "a Secret"])
@pytest.mark.parametrize(("status", "told", "paused"), [(503, "9", 0.2), (429, "9", 0.2), (503, "", 0.0)])
def test_a_busy_store_is_given_the_time_that_it_asks_for(
    goal: Path,
    caplog: pytest.LogCaptureFixture,
    secret: dict[str, str],
    status: int,
    told: str,
    paused: float,
) -> None:
    """The client drops Retry-After: the store is asked once more, by a HEAD of our own."""
    seen: list[Asked] = []
    there = Answer(
        headers={"ETag": '"1"', "Last-Modified": "Sun, 29 Nov 2026 00:00:00 GMT"}, body=tar_of(MODEL)
    )
    busy = Answer(status=status, headers={"Retry-After": told} if told else {})

    def store(asked: Asked) -> Answer:
        seen.append(asked)
        return busy if len(seen) in {2, 3} else there  # of the listing, the part, our question, the part

    few = RetryPolicy(attempts=3, first_pause=0.001, longest_pause=0.2)
    with answering(store) as endpoint:
        uri = "s3://b/net.tar"
        fetch.fetch(
            Options(uri=uri, into=goal, endpoint=endpoint, credentials=secret, retries=few, timeout=20)
        )
    assert tree(goal) == MODEL
    assert ("X-Amz-Signature" in seen[2].query) == bool(secret)
    pauses = [vars(record)["pause"] for record in caplog.records if "attempt failed" in record.message]
    assert pauses == [paused]
