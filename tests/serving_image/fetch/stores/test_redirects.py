"""A store that leads elsewhere: neither the key nor what it has signed goes there."""

from pathlib import Path

import pytest
from paddlemodel_server.errors import StartError
from paddlemodel_server.fetch import command as fetch
from paddlemodel_server.fetch.fetching import Options
from paddlemodel_server.fetch.retry_policy import RetryPolicy

from tests.serving_image.support.file_server import no_proxy  # noqa: F401 - a fixture
from tests.serving_image.support.hubs.answering import Answer, Asked, answering, redirect

SECRET = {
    "accessKeyId": "planted-id",
    "secretAccessKey": "planted-secret",
    "sessionToken": "planted-session-token",
}


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_to_another_host(tmp_path: Path, status: int) -> None:
    seen: list[Asked] = []

    def elsewhere(asked: Asked) -> Answer:
        seen.append(asked)
        return Answer(status=404)

    with answering(elsewhere) as other:

        def moved(asked: Asked) -> Answer:
            found = redirect(f"{other.replace('127.0.0.1', 'localhost')}{asked.path}")
            return Answer(status=status, headers=found.headers)

        with answering(moved) as store, pytest.raises(StartError) as caught:
            fetch.fetch(
                Options(
                    uri="s3://bucket/net.tar",
                    into=tmp_path / "model",
                    endpoint=store,
                    region="us-east-1",
                    credentials=SECRET,
                    retries=RetryPolicy(attempts=2, first_pause=0.01),
                )
            )
    # The client has followed; the sentence is that of the other host's answer.
    assert (caught.value.reason, bool(seen)) == ("NotFound", True)
    # Its token is worth nothing without the key, and goes along: docs/object-stores.md says so.
    told = [{n: v for n, v in asked.headers.items() if n != "x-amz-security-token"} for asked in seen]
    assert not any("authorization" in headers for headers in told)
    assert "planted" not in str(told)
    assert "planted" not in caught.value.message
    assert not (tmp_path / "model").exists()
