"""`hf://`: what the Hub has arrives whole, of one commit; what it refuses is one sentence with the cure."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from paddlemodel_server.fetch.sources import huggingface
from paddlemodel_server.model import files

from tests.serving_image.support.file_server import no_proxy  # noqa: F401 - a fixture
from tests.serving_image.support.hubs.answering import Asked
from tests.serving_image.support.hubs.fetched import fetch, refused
from tests.serving_image.support.hubs.huggingface import Hub, Repository, serving
from tests.serving_image.support.models.model_builders import (
    LEGACY_MODEL,
    PIR_MODEL,
    folder_of,
    tar_of,
    tree,
)

OLD, NEW = "a" * 40, "b" * 40
FILES = LEGACY_MODEL | {"config.json": b"{}"}
ZOO = {f"nets/small/{name}": content for name, content in PIR_MODEL.items()} | {
    "nets/labels ü.txt": b"cat\n",
    "packed/net.tar.gz": tar_of(LEGACY_MODEL, compression="gz"),
    "several/one.json": PIR_MODEL["inference.json"],
    "several/one.pdiparams": PIR_MODEL["inference.pdiparams"],
    "several/two.json": PIR_MODEL["inference.json"],
    "several/two.pdiparams": PIR_MODEL["inference.pdiparams"],
}


@pytest.fixture
def hub() -> Iterator[Hub]:
    net = Repository(trees={OLD: PIR_MODEL, NEW: FILES}, revisions={"main": NEW, "v1": OLD, "team/x": OLD})
    held = {
        "me/net": net,
        "me/zoo": Repository(trees={NEW: ZOO}, revisions={"main": NEW}),
        "me/secret": replace(net, private=True),
        "me/gated": replace(net, gated=True),
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
    ids=["main", "tag", "with a slash", "commit"],
)
def test_a_revision_arrives_and_its_commit_is_told(
    hub: Hub, goal: Path, tmp_path: Path, revision: str, commit: str, held: dict[str, bytes]
) -> None:
    fetched = fetch(f"hf://me/net{revision}", goal, hub.url)
    assert tree(goal) == held
    assert fetched.revision == commit
    assert fetched.digest == files.digest(folder_of(tmp_path / "same", held))


def test_every_file_is_read_from_the_commit_of_the_list(hub: Hub, goal: Path) -> None:
    """A push while a pod fetches would mix two versions."""
    repository = hub.repositories["me/net"]

    def pushed(asked: Asked) -> None:
        if asked.path.startswith("/me/net/resolve/"):
            repository.revisions["main"] = OLD

    hub.interfere = pushed
    assert fetch("hf://me/net", goal, hub.url).revision == NEW
    assert tree(goal) == FILES


def test_a_list_of_many_pages_is_read_to_its_end(hub: Hub, goal: Path) -> None:
    hub.page = 1
    fetch("hf://me/net", goal, hub.url)
    assert tree(goal) == FILES
    assert len([asked for asked in hub.seen if "/tree/" in asked.path]) == len(FILES)


def test_a_mirror_that_passes_on_the_hub_s_own_links_is_stayed_with(hub: Hub, goal: Path) -> None:
    hub.page = 2
    mirror = hub.url
    hub.url = "https://huggingface.invalid"  # what stands in the links
    fetch("hf://me/net", goal, mirror)
    assert tree(goal) == FILES


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
def test_what_the_path_names_arrives(hub: Hub, goal: Path, path: str, held: dict[str, bytes]) -> None:
    fetch(f"hf://me/zoo/{path}", goal, hub.url)
    assert tree(goal) == held


def test_the_token_goes_to_the_hub_and_not_to_its_storage(hub: Hub, goal: Path) -> None:
    fetch("hf://me/secret", goal, hub.url, {"token": hub.reads})
    assert tree(goal) == FILES
    assert {asked.token for asked in hub.seen} == {hub.reads}
    assert hub.storage_seen
    assert not any("authorization" in asked.headers for asked in hub.storage_seen)


REFUSED = {
    "no such repository": ("me/absent", None, "NotAllowed", "not there, or private; .* name a Secret"),
    "the same with a token": ("me/absent", "reads", "NotFound", "not there, or the Secret's token may not"),
    "private without a token": ("me/secret", None, "NotAllowed", "name a Secret with a token"),
    "private with another's token": ("me/secret", "outsider", "NotFound", "may not see it"),
    "an expired token": ("me/net", "hf_expired", "NotAllowed", "wrong, expired or revoked; make a new one"),
    "gated without a token": (
        "me/gated",
        None,
        "NotAllowed",
        "gated; accept the conditions .* and name a Secret",
    ),
    "gated with a token": (
        "me/gated",
        "outsider",
        "NotAllowed",
        "accept the conditions .* with that account",
    ),
    "no such revision": (
        "me/net@v9",
        None,
        "NotFound",
        "has no revision v9; correct the branch, tag or commit",
    ),
    "no such folder": ("me/zoo/absent", None, "NotFound", "no such file or folder|has no absent"),
    "no such archive": ("me/zoo/nets/x.tar", None, "NotFound", "me/zoo has no nets/x.tar; correct the path"),
    "two models": ("me/zoo", None, "SeveralModels", "name one of them"),
    "no model": ("me/zoo/packed", None, "NoModel", "was found, only net.tar.gz"),
}


@pytest.mark.parametrize(("name", "token", "reason", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_says_why_and_what_to_do(
    hub: Hub, goal: Path, name: str, token: str | None, reason: str, sentence: str
) -> None:
    known = {"reads": hub.reads, "outsider": hub.outsider}
    error = refused(f"hf://{name}", goal, hub.url, {"token": known.get(token, token)} if token else None)
    assert error.reason == reason
    assert re.search(sentence, error.message), error.message


@pytest.mark.parametrize(
    "uri",
    [
        "hf://net",
        "hf://me/net@",
        "hf://me/net/../x",
        "hf://me/net/a//b",
        "hf://-me/net",
        "hf://me/net?x=1",
        "hf://me/n t",
    ],
)
def test_a_uri_that_is_none_is_refused(goal: Path, uri: str) -> None:
    assert refused(uri, goal).reason == "InvalidUri"


def test_a_file_that_is_not_what_the_list_promises_is_refused(hub: Hub, goal: Path) -> None:
    hub.repositories["me/net"].lies["inference.pdmodel"] = "0" * 64
    error = refused("hf://me/net", goal, hub.url)
    assert error.reason == "Unreachable"
    assert "inference.pdmodel came with another sha256 than the place promises" in error.message


def test_the_hub_s_own_address_is_the_default() -> None:
    assert huggingface.ENDPOINT == "https://huggingface.co"
