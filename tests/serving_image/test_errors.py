"""One table of everything that a client can be refused with; the documents agree with it."""

import importlib
import json
import pkgutil
import re
from collections.abc import Iterator
from typing import Any

import paddlemodel_server
import pytest
from paddlemodel_server import errors, protocol
from paddlemodel_server.describe import answers, openapi
from paddlemodel_server.describe.answers import REFUSALS, STATUSES
from paddlemodel_server.describe.protection import Protection
from paddlemodel_server.errors import ServingError

from tests.repository.sources import ROOT
from tests.serving_image.support import bodies

PAGE = (ROOT / "docs" / "serving.md").read_text()
PROTECTED = Protection(keys=True, tokens=True)
NEEDS_PADDLE = ("engine.paddle", "commands.export.command", "commands.export.child")
ARGUMENTS: dict[type[ServingError], tuple[Any, ...]] = {
    errors.MethodNotAllowedError: ("PUT", "GET"),
    errors.RequestTimeoutError: ("body",),
    errors.HeadTooLargeError: ("head",),
    errors.PipelineFullError: (64,),
    errors.DeadlineExceededError: (30,),
}


def subclasses(kind: type[ServingError]) -> Iterator[type[ServingError]]:
    for one in kind.__subclasses__():
        yield one
        yield from subclasses(one)


def made(kind: type[ServingError]) -> ServingError:
    """One of each kind; a sentence where the class has none of its own."""
    arguments = ARGUMENTS.get(kind, () if kind.sentence or kind is errors.InputRefusedError else ("So.",))
    return kind(*arguments)


def test_every_refusal_is_in_the_table() -> None:
    root = f"{paddlemodel_server.__name__}."
    for module in pkgutil.walk_packages(paddlemodel_server.__path__, root):
        if not module.name.endswith(NEEDS_PADDLE):
            importlib.import_module(module.name)
    assert sorted(kind.__name__ for kind in set(subclasses(ServingError))) == sorted(
        kind.__name__ for kind in REFUSALS
    )
    assert len(set(REFUSALS)) == len(REFUSALS)


@pytest.mark.parametrize("kind", REFUSALS)
def test_a_refusal_has_a_status_a_reason_and_a_public_sentence(kind: type[ServingError]) -> None:
    error = made(kind)
    assert kind.status in range(400, 600)
    assert re.fullmatch(r"[a-z`].*[^.]", kind.reason)
    assert re.fullmatch(r"[A-Z].*\.", error.message)
    answer = protocol.fault(error)
    assert (answer.status, json.loads(answer.body)) == (kind.status, {"error": error.message})
    assert dict(answer.extra).get("Retry-After") == (kind.retry_after and str(kind.retry_after))


def test_a_client_that_may_come_back_is_told_when() -> None:
    """429 and 503 are about the moment, the other statuses about the request or the model."""
    assert {kind for kind in REFUSALS if kind.retry_after} == {
        kind for kind in REFUSALS if kind.status in {429, 503}
    }


def test_what_nobody_has_foreseen_tells_no_internals() -> None:
    answer = protocol.fault(ZeroDivisionError("secret"))
    assert (answer.status, json.loads(answer.body)) == (500, {"error": errors.InternalError.sentence})


def test_the_page_has_the_table() -> None:
    rows = re.findall(r"^\| (\d+) \| (.+) \|(.*) \|$", PAGE, re.MULTILINE)
    limit, deadline = "`PADDLEMODEL_MAX_REQUEST_BYTES`", "`PADDLEMODEL_TIMEOUT_SECONDS`"
    assert [(int(status), when, wait.strip()) for status, when, wait in rows] == [
        (status, answers.reasons(status, limit, deadline), " or ".join(map(str, answers.waits(status))))
        for status in STATUSES
    ]


def test_the_openapi_document_has_the_table() -> None:
    served = bodies.served()
    found = json.loads(openapi.document(served, 30, protection=PROTECTED))["components"]["responses"]
    for status in STATUSES:
        said = answers.reasons(status, f"{served.max_request_bytes} bytes", "30 seconds")
        assert found[f"Error{status}"]["description"].lower() == f"{said}.".lower()
        wait = found[f"Error{status}"].get("headers", {}).get("Retry-After", {"schema": {"enum": []}})
        assert wait["schema"]["enum"] == list(answers.waits(status))
    assert len(found) == len(STATUSES)


def test_a_server_without_keys_never_answers_401() -> None:
    document = openapi.document(bodies.served(), 30)
    assert b"401" not in document
    assert b"security" not in document


def test_a_server_with_limits_may_say_any_wait() -> None:
    document = json.loads(openapi.document(bodies.served(), 30, protection=Protection(limits=True)))
    headers = document["components"]["responses"]["Error429"]["headers"]
    assert set(headers) == {"Retry-After", "RateLimit", "RateLimit-Policy"}
    assert headers["Retry-After"]["schema"] == {"type": "integer", "minimum": 1}
    assert "security" not in document


def test_every_route_that_runs_the_model_has_every_status_in_the_openapi_document() -> None:
    """But for 404 and 405: those are of other paths and methods."""
    paths = json.loads(openapi.document(bodies.served(), 30, protection=PROTECTED))["paths"]
    running = [path["post"]["responses"] for path in paths.values() if "post" in path]
    assert running
    for responses in running:
        assert {int(status) for status in responses} - {200} >= set(STATUSES) - {404, 405}
