"""The hubs' own clients download from our imitations what `fetch` does, and are refused where it is."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import peers
from tests.serving_image.support.clients import hub_clients
from tests.serving_image.support.file_server import no_proxy  # noqa: F401 - a fixture
from tests.serving_image.support.hubs import huggingface, modelscope
from tests.serving_image.support.hubs.fetched import fetch
from tests.serving_image.support.models.model_builders import PIR_MODEL, tree

pytestmark = pytest.mark.slow
COMMIT = "a" * 40
FILES = {f"sub/{name}": content for name, content in PIR_MODEL.items()} | {"sub/ä b.txt": b"cat\n"}
NAMES = {"main": COMMIT, "master": COMMIT, "team/x": COMMIT}


@dataclass(frozen=True)
class Served:
    """An imitation that runs."""

    scheme: str
    url: str
    reads: str
    other: str


@pytest.fixture(params=["hf", "modelscope"])
def served(request: pytest.FixtureRequest) -> Iterator[Served]:
    if request.param == "hf":
        net = huggingface.Repository(trees={COMMIT: FILES}, revisions=NAMES, private=True)
        with huggingface.serving(huggingface.Hub(repositories={"me/net": net}, page=2)) as hub:
            yield Served("hf", hub.url, hub.reads, hub.outsider)
        return
    same = modelscope.Repository(trees={COMMIT: FILES}, revisions=NAMES, private=True)
    with modelscope.serving(modelscope.Hub(repositories={"me/net": same})) as scope:
        yield Served("modelscope", scope.url, scope.reads, scope.outsider)


def downloaded(served: Served, folder: Path, revision: str = "team/x", token: str | None = None) -> str:
    words = [
        served.scheme,
        served.url,
        "me/net",
        revision,
        served.reads if token is None else token,
        str(folder),
    ]
    environment = os.environ | {"HOME": str(folder.parent)}
    done = subprocess.run(
        [str(peers.python()), hub_clients.__file__, *words],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip().splitlines()[-1] if done.stdout.strip() else ""


def test_their_client_and_fetch_bring_the_same(served: Served, tmp_path: Path) -> None:
    assert downloaded(served, tmp_path / "theirs") == ""
    theirs = {
        name: content for name, content in tree(tmp_path / "theirs").items() if not name.startswith(".")
    }
    fetch(f"{served.scheme}://me/net@team%2Fx/sub", tmp_path / "ours", served.url, {"token": served.reads})
    assert theirs == FILES
    assert {f"sub/{name}": content for name, content in tree(tmp_path / "ours").items()} == FILES


def test_their_client_is_refused_as_we_are(served: Served, tmp_path: Path) -> None:
    """What they make of it is the meaning that our sentences give it."""
    answers = [
        downloaded(served, tmp_path / "1", token=""),
        downloaded(served, tmp_path / "2", token=served.other),
        downloaded(served, tmp_path / "3", token="expired"),
    ]
    expected = {
        "hf": ["RepositoryNotFoundError", "RepositoryNotFoundError", "HfHubHTTPError"],
        "modelscope": ["PermissionDeniedError", "PermissionDeniedError", "AuthenticationError"],
    }
    assert answers == expected[served.scheme]
