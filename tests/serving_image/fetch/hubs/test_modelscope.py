"""`modelscope://`: as `hf://`, and what ModelScope leaves unsaid is refused."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from paddlemodel_server.fetch.sources import modelscope
from paddlemodel_server.model import files

from tests.serving_image.support.file_server import no_proxy  # noqa: F401 - a fixture
from tests.serving_image.support.hubs.answering import Asked
from tests.serving_image.support.hubs.fetched import fetch, refused
from tests.serving_image.support.hubs.modelscope import MOST_ENTRIES, Hub, Repository, serving
from tests.serving_image.support.models.model_builders import (
    LEGACY_MODEL,
    PIR_MODEL,
    folder_of,
    tar_of,
    tree,
)

OLD, NEW = "a" * 40, "b" * 40
FILES = LEGACY_MODEL | {"configuration.json": b"{}"}
ZOO = {f"nets/small/{name}": content for name, content in PIR_MODEL.items()} | {
    "nets/labels ü.txt": b"cat\n",
    "packed/net.tar.gz": tar_of(LEGACY_MODEL, compression="gz"),
    "several/one.json": PIR_MODEL["inference.json"],
    "several/one.pdiparams": PIR_MODEL["inference.pdiparams"],
    "several/two.json": PIR_MODEL["inference.json"],
    "several/two.pdiparams": PIR_MODEL["inference.pdiparams"],
}
MANY = {f"pictures/{number}.png": b"x" for number in range(MOST_ENTRIES)}


@pytest.fixture
def hub() -> Iterator[Hub]:
    net = Repository(trees={OLD: PIR_MODEL, NEW: FILES}, revisions={"master": NEW, "v1": OLD, "team/x": OLD})
    held = {
        "me/net": net,
        "me/zoo": Repository(trees={NEW: ZOO | MANY}, revisions={"master": NEW}),
        "me/secret": replace(net, private=True),
        "me/pruned": replace(net, deleted_last=True),
    }
    with serving(Hub(repositories=held)) as made:
        yield made


@pytest.fixture
def goal(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    return tmp_path / "models" / "model"


@pytest.mark.parametrize(
    ("revision", "commit", "held"),
    [("", NEW, FILES), ("@v1", OLD, PIR_MODEL), ("@team%2Fx", OLD, PIR_MODEL), (f"@{OLD}", OLD, PIR_MODEL)],
    ids=["master", "tag", "with a slash", "commit"],
)
def test_a_revision_arrives_and_its_commit_is_told(
    hub: Hub, goal: Path, tmp_path: Path, revision: str, commit: str, held: dict[str, bytes]
) -> None:
    fetched = fetch(f"modelscope://me/net{revision}", goal, hub.url)
    assert tree(goal) == held
    assert fetched.revision == commit
    assert fetched.digest == files.digest(folder_of(tmp_path / "same", held))


def test_every_file_is_read_from_the_commit_of_the_list(hub: Hub, goal: Path) -> None:
    repository = hub.repositories["me/net"]

    def pushed(asked: Asked) -> None:
        if asked.path.endswith("/repo"):
            repository.revisions["master"] = OLD

    hub.interfere = pushed
    assert fetch("modelscope://me/net", goal, hub.url).revision == NEW
    assert tree(goal) == FILES


def test_without_a_commit_the_content_is_still_that_of_the_list(hub: Hub, goal: Path) -> None:
    """The list has the commit whole only where a file was written by it."""
    repository = hub.repositories["me/pruned"]
    first = fetch("modelscope://me/pruned", goal, hub.url)
    assert tree(goal) == FILES
    assert first.revision is not None
    assert first.revision.startswith("files-")  # a fingerprint of the list, by which a change is noticed

    def pushed(asked: Asked) -> None:
        if asked.path.endswith("/repo"):
            repository.revisions["master"] = "c" * 40
            repository.trees["c" * 40] = {name: content + b"2" for name, content in FILES.items()}

    hub.interfere = pushed
    (goal.parent / "other").mkdir()
    error = refused("modelscope://me/pruned", goal.parent / "other" / "model", hub.url)
    assert "came with another sha256 than the place promises" in error.message


PLACES = {
    "a folder": ("nets/small", PIR_MODEL),
    "a folder with the model in another": ("nets/", PIR_MODEL),
    "an archive": ("packed/net.tar.gz", LEGACY_MODEL),
    "a program with its parameters": (
        "several/two.json",
        {name.replace("inference", "two"): content for name, content in PIR_MODEL.items()},
    ),
}


@pytest.mark.parametrize(("path", "held"), PLACES.values(), ids=PLACES)
def test_what_the_path_names_arrives_even_from_a_repository_that_cannot_be_listed(
    hub: Hub, goal: Path, path: str, held: dict[str, bytes]
) -> None:
    fetch(f"modelscope://me/zoo/{path}", goal, hub.url)
    assert tree(goal) == held


def test_the_token_goes_to_the_hub_in_both_forms_and_not_to_its_storage(hub: Hub, goal: Path) -> None:
    fetch("modelscope://me/secret", goal, hub.url, {"token": hub.reads})
    assert tree(goal) == FILES
    assert {(asked.token, asked.headers["cookie"]) for asked in hub.seen} == {
        (hub.reads, f"m_session_id={hub.reads}")
    }
    assert hub.storage_seen
    assert not any({"authorization", "cookie"} & asked.headers.keys() for asked in hub.storage_seen)


REFUSED = {
    "a list that was cut off": (
        "me/zoo",
        None,
        "TruncatedList",
        "no more than 3000 .* name the model's folder",
    ),
    "a revision that is not there": ("me/net@v9", None, "NotFound", "has no revision v9, or no such folder"),
    "no such repository": ("me/absent", None, "NotFound", "is not there; correct the URI, .* name a Secret"),
    "private without a token": ("me/secret", None, "NotAllowed", "is private; name a Secret with a token"),
    "private with another's token": ("me/secret", "outsider", "NotAllowed", "may not read me/secret"),
    "an expired token": ("me/net", "ms-expired", "NotAllowed", "wrong or expired; make a new one"),
    "no such folder": ("me/zoo/absent", None, "NotFound", "me/zoo has no absent; correct the path"),
    "no such archive": ("me/zoo/nets/x.tar", None, "NotFound", "me/zoo has no nets/x.tar; correct the path"),
}


@pytest.mark.parametrize(("name", "token", "reason", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_says_why_and_what_to_do(
    hub: Hub, goal: Path, name: str, token: str | None, reason: str, sentence: str
) -> None:
    known = {"outsider": hub.outsider}
    error = refused(
        f"modelscope://{name}", goal, hub.url, {"token": known.get(token, token)} if token else None
    )
    assert error.reason == reason
    assert re.search(sentence, error.message), error.message


def test_modelscope_s_own_address_is_the_default() -> None:
    assert modelscope.ENDPOINT == "https://modelscope.cn"
