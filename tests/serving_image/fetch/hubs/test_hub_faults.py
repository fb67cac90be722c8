"""Between the fetcher and each hub the line breaks and lies: the content is right, or the sentence is."""

import hashlib
import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from paddlemodel_server.fetch import command

from tests.serving_image.support.file_server import no_proxy  # noqa: F401 - a fixture
from tests.serving_image.support.hubs import huggingface, modelscope
from tests.serving_image.support.hubs.answering import Answer, Asked, answering, as_json
from tests.serving_image.support.hubs.fetched import fetch, refused
from tests.serving_image.support.hubs.registry import MANIFEST
from tests.serving_image.support.models.model_builders import PIR_MODEL, params_of, pir_of, tree

COMMIT = "a" * 40
FILES = PIR_MODEL | {"inference.json": pir_of(w=[100, 100]), "inference.pdiparams": params_of([100, 100])}
BIG = FILES["inference.pdiparams"]
DIGEST = hashlib.sha256(BIG).hexdigest()
Change = Callable[[Answer], Answer]


@dataclass
class Place:
    """A hub whose answers with the parameters are changed, one after the other, until the plan ends."""

    uri: str
    endpoint: str | None
    plan: deque[Change] = field(default_factory=deque)
    lists: deque[Answer] = field(default_factory=deque)
    asked: list[str] = field(default_factory=list)  # the ranges

    def interfere(self, asked: Asked) -> Answer | None:
        if asked.path.endswith(DIGEST):
            self.asked.append(asked.headers.get("range", ""))
            if self.plan:
                return self.plan.popleft()(Answer(headers={"ETag": f'"{DIGEST}"'}, body=BIG))
            return None
        return self.lists.popleft() if self.lists else None


@contextmanager
def hugging_face() -> Iterator[Place]:
    net = huggingface.Repository(trees={COMMIT: FILES}, revisions={"main": COMMIT})
    place = Place("hf://me/net", None)
    with huggingface.serving(huggingface.Hub(repositories={"me/net": net}, interfere=place.interfere)) as hub:
        place.endpoint = hub.url
        yield place


@contextmanager
def model_scope() -> Iterator[Place]:
    net = modelscope.Repository(trees={COMMIT: FILES}, revisions={"master": COMMIT})
    place = Place("modelscope://me/net", None)
    with modelscope.serving(modelscope.Hub(repositories={"me/net": net}, interfere=place.interfere)) as hub:
        place.endpoint = hub.url
        yield place


@contextmanager
def registry() -> Iterator[Place]:
    blobs = {hashlib.sha256(content).hexdigest(): (name, content) for name, content in FILES.items()}
    layers = [
        {
            "mediaType": "application/octet-stream",
            "digest": f"sha256:{digest}",
            "size": len(content),
            "annotations": {"org.opencontainers.image.title": name},
        }
        for digest, (name, content) in blobs.items()
    ]
    place = Place("", None)

    def answer(asked: Asked) -> Answer:
        if changed := place.interfere(asked):
            return changed
        if "/manifests/" in asked.path:
            return as_json({"schemaVersion": 2, "mediaType": MANIFEST, "layers": layers})
        digest = asked.path.rpartition(":")[2]
        return Answer(headers={"ETag": f'"{digest}"'}, body=blobs[digest][1])

    with answering(answer) as url:
        place.uri = f"oci://{url.removeprefix('http://')}/me/net:1"
        yield place


PLACES = {"hf": hugging_face, "modelscope": model_scope, "oci": registry}


@pytest.fixture(params=list(PLACES.values()), ids=list(PLACES))
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    with request.param() as made:
        yield made


@pytest.fixture
def goal(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    return tmp_path / "models" / "model"


def cut(share: float) -> Change:
    return lambda answer: replace(answer, cut=int(len(answer.body) * share))


def status(code: int, **headers: str) -> Change:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _: Answer(status=code, headers=named)


def shifted(answer: Answer) -> Answer:
    """The part from another offset on than the one that was asked for."""
    part = {"Content-Range": f"bytes 7-{len(BIG) - 1}/{len(BIG)}"}
    return replace(answer, status=206, headers=answer.headers | part, body=BIG[7:])


def other(answer: Answer) -> Answer:
    """Other bytes, although the ETag is the same."""
    return replace(answer, body=bytes(len(BIG)))


@pytest.mark.parametrize("percent", range(0, 100, 10))
def test_a_line_that_breaks_anywhere_is_taken_up_there(place: Place, goal: Path, percent: int) -> None:
    place.plan.extend([cut(percent / 100)])
    fetch(place.uri, goal, place.endpoint)
    assert tree(goal) == FILES
    assert len(place.asked) == 2
    if percent:
        assert 0 < int(place.asked[1].removeprefix("bytes=").removesuffix("-")) <= len(BIG) * percent // 100


HEALING: dict[str, Sequence[Change]] = {
    "busy": [status(503), status(429, Retry_After="0")],
    "a slow drip": [lambda answer: replace(answer, drip=999)],
    "a wrong range": [cut(0.5), shifted],
    "another ETag": [cut(0.5), lambda answer: replace(answer, headers={"ETag": '"other"'})],
    "no ranges any more": [cut(0.5), lambda answer: replace(answer, headers={}, status=200)],
    "a range that is not there": [cut(0.5), status(416)],
    "other bytes, once": [other],
    "other bytes after a cut": [cut(0.5), other],
    "the end too early": [lambda answer: replace(answer, body=BIG[:100])],
}


@pytest.mark.parametrize("plan", HEALING.values(), ids=HEALING)
def test_what_can_heal_heals(place: Place, goal: Path, plan: Sequence[Change]) -> None:
    place.plan.extend(plan)
    fetch(place.uri, goal, place.endpoint)
    assert tree(goal) == FILES


@pytest.mark.parametrize("code", [429, 500, 503])
def test_a_busy_hub_is_asked_for_its_list_again(place: Place, goal: Path, code: int) -> None:
    place.lists.extend([Answer(status=code, headers={"Retry-After": "0"})] * 2)
    fetch(place.uri, goal, place.endpoint)
    assert tree(goal) == FILES


LASTING: dict[str, tuple[Change, str]] = {
    "busy": (status(429, Retry_After="0"), "the server answered 429"),
    "always other bytes": (other, "another sha256 than the place promises"),
    "always cut": (cut(0.1), "the connection broke off"),
}


@pytest.mark.parametrize(("change", "sentence"), LASTING.values(), ids=LASTING)
def test_what_does_not_heal_is_said(place: Place, goal: Path, change: Change, sentence: str) -> None:
    place.plan.extend([change] * 100)
    error = refused(place.uri, goal, place.endpoint)
    assert (error.reason, sentence in error.message) == ("Unreachable", True), error.message


HOSTILE_NAMES = [
    "../evil.json",
    "/evil.json",
    "a/../../evil.json",
    "a\0b.json",
    "a//b.json",
    "x" * 300 + ".json",
]


@pytest.mark.parametrize("name", HOSTILE_NAMES)
@pytest.mark.parametrize("kind", ["hf", "modelscope"])
def test_a_list_that_climbs_is_refused(goal: Path, kind: str, name: str) -> None:
    held = FILES | {name: b"{}"}
    serving: Any
    if kind == "hf":
        net = huggingface.Repository(trees={COMMIT: held}, revisions={"main": COMMIT})
        serving = huggingface.serving(huggingface.Hub(repositories={"me/net": net}))
    else:
        scoped = modelscope.Repository(trees={COMMIT: held}, revisions={"master": COMMIT})
        serving = modelscope.serving(modelscope.Hub(repositories={"me/net": scoped}))
    with serving as hub:
        error = refused(f"{kind}://me/net", goal, hub.url)
    assert error.reason == "UnsafeListing"


PAGES: dict[str, Any] = {
    "hf: no list": ("hf", {"error": "x"}),
    "hf: a path that is none": ("hf", [{"type": "file", "path": 1, "size": 1}]),
    "hf: a size that is none": ("hf", [{"type": "file", "path": "a", "size": "1"}]),
    "hf: a digest that is none": ("hf", [{"type": "file", "path": "a", "size": 1, "lfs": {"oid": "../x"}}]),
    "modelscope: no data": ("modelscope", {"Code": 200}),
    "modelscope: files that are none": ("modelscope", {"Data": {"Files": "x"}}),
    "modelscope: a size below zero": (
        "modelscope",
        {"Data": {"Files": [{"Path": "a", "Size": -1, "Type": "blob"}]}},
    ),
}


@pytest.mark.parametrize(("kind", "page"), PAGES.values(), ids=PAGES)
def test_a_page_of_another_shape_is_refused(goal: Path, kind: str, page: object) -> None:
    def answer(asked: Asked) -> Answer:
        return as_json({"sha": COMMIT} if "/revision/" in asked.path else page)

    with answering(answer) as url:
        error = refused(f"{kind}://me/net", goal, url)
    assert (error.reason, "sent a list that cannot be read" in error.message) == ("UnexpectedAnswer", True)


def test_a_list_without_end_is_given_up(goal: Path) -> None:
    entries = [{"type": "file", "path": f"{number}.json", "size": 1} for number in range(5_000)]

    def answer(asked: Asked) -> Answer:
        if "/revision/" in asked.path:
            return as_json({"sha": COMMIT})
        return as_json(entries, Link='<http://x/?cursor=again>; rel="next"')

    with answering(answer) as url:
        assert refused("hf://me/net", goal, url).reason == "TooManyFiles"


@pytest.mark.parametrize("kind", ["hf", "modelscope"])
def test_an_endpoint_that_is_none_is_refused(goal: Path, kind: str) -> None:
    assert refused(f"{kind}://me/net", goal, "ftp://example.com").reason == "InvalidEndpoint"


def test_no_secret_is_in_what_a_pod_prints(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the Secret's values nor the signatures in the addresses of the storage."""
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "token").write_text("planted-token\n")
    net = huggingface.Repository(trees={COMMIT: FILES}, revisions={"main": COMMIT}, private=True)
    log = tmp_path / "termination"
    log.touch()
    caplog.set_level(logging.DEBUG)
    for reads, goal in (("planted-token", "whole"), ("another", "none")):
        with huggingface.serving(huggingface.Hub(repositories={"me/net": net}, reads=reads)) as hub:
            words = ["--endpoint", hub.url, "--credentials", str(tmp_path / "secret")]
            code = command.main(["--uri", "hf://me/net", "--into", str(tmp_path / goal), *words], log)
        assert code == (0 if goal == "whole" else 1)
        assert "planted" not in log.read_text()
    records = "".join(str(vars(record)) for record in caplog.records)
    assert "redirected" in records
    assert "planted" not in "".join(capfd.readouterr()) + records
