"""gs:// at a server that speaks as Google's does; slow, because it is compiled first."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from paddlemodel_server.errors import StartError
from paddlemodel_server.fetch import command as fetch
from paddlemodel_server.fetch import fetching, parallel
from paddlemodel_server.fetch.command import Options
from paddlemodel_server.fetch.retry_policy import RetryPolicy

from tests.serving_image.support.file_server import no_proxy  # noqa: F401 - a fixture
from tests.serving_image.support.models.model_builders import LEGACY_MODEL, tar_of, tree
from tests.serving_image.support.stores import google, identities
from tests.serving_image.support.stores.fault_proxy import Fault, fault_proxy

pytestmark = pytest.mark.slow

MODEL = LEGACY_MODEL | {"labels.txt": b"cat\ndog\n" * 50_000}
HELD = {f"net/v1/{name}": body for name, body in MODEL.items()} | {"net/v1/README.md": b"#"}
HELD["net.tar.gz"] = tar_of(MODEL, compression="gz")


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    with google.server() as endpoint:
        google.fill(endpoint, "models", HELD)
        yield endpoint


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "PART_BYTES", 100_000)


def options(tmp_path: Path, uri: str, endpoint: str, **more: Any) -> Options:
    few = RetryPolicy(attempts=4, first_pause=0.01)
    return Options(uri=uri, into=tmp_path / "goal" / "model", endpoint=endpoint, retries=few, **more)


def account() -> dict[str, str]:
    """A Secret with the key file of a service account."""
    key = identities.private_text(rsa.generate_private_key(65537, 2048))
    told = {
        "type": "service_account",
        "private_key": key,
        "private_key_id": "1",
        "client_email": "a@b.example",
    }
    return {"serviceAccount.json": json.dumps(told)}


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("path", ["net/v1", "net", "net.tar.gz"])
@pytest.mark.parametrize("secret", [{}, account()], ids=["nobody", "a service account"])
def test_a_model_comes_from_google(tmp_path: Path, store: str, path: str, secret: dict[str, str]) -> None:
    wish = options(tmp_path, f"gs://models/{path}", store, credentials=secret)
    fetched = fetch.fetch(wish)
    assert tree(tmp_path / "goal" / "model") == MODEL
    assert fetching.check(wish) == fetched.revision


@pytest.mark.usefixtures("small_parts")
def test_a_program_brings_its_parameters(tmp_path: Path, store: str) -> None:
    fetch.fetch(options(tmp_path, "gs://models/net/v1/inference.pdmodel", store))
    assert set(tree(tmp_path / "goal" / "model")) == {"inference.pdmodel", "inference.pdiparams"}


@pytest.mark.parametrize("uri", ["gs://models/other", "gs://models/net/v1/x.json"])
def test_what_google_does_not_have_is_named(tmp_path: Path, store: str, uri: str) -> None:
    with pytest.raises(StartError) as caught:
        fetch.fetch(options(tmp_path, uri, store))
    assert caught.value.reason == "NotFound", caught.value.message


BREAKING = {
    **{f"cut at {tenth}0 %": [Fault(cut=tenth / 10)] * 2 for tenth in range(10)},
    "429": [Fault(status=429)] * 2,
    "503": [Fault(status=503)] * 2,
    "slow drip": [Fault(drip=999)] * 2,
    "wrong range": [Fault(shift=5)] * 2,
    "changed": [Fault(headers={"ETag": '"other"'})],
}


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("plan", BREAKING.values(), ids=BREAKING)
def test_what_can_heal_heals(tmp_path: Path, store: str, plan: list[Fault]) -> None:
    with fault_proxy(store, *plan, renaming=True) as proxy:
        fetch.fetch(options(tmp_path, "gs://models/net/v1", proxy.endpoint))
        assert not proxy.plan
    assert tree(tmp_path / "goal" / "model") == MODEL
