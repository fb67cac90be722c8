"""az:// at a server that speaks as Azure's does; slow, because it is installed first."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import obstore
import pytest
from obstore.store import AzureStore
from paddlemodel_server.errors import StartError
from paddlemodel_server.fetch import command as fetch
from paddlemodel_server.fetch import fetching, parallel
from paddlemodel_server.fetch.command import Options
from paddlemodel_server.fetch.retry_policy import RetryPolicy

from tests.serving_image.support.file_server import no_proxy  # noqa: F401 - a fixture
from tests.serving_image.support.models.model_builders import LEGACY_MODEL, tar_of, tree
from tests.serving_image.support.stores import azurite
from tests.serving_image.support.stores.fault_proxy import Fault, fault_proxy

pytestmark = pytest.mark.slow

MODEL = LEGACY_MODEL | {"labels.txt": b"cat\ndog\n" * 50_000}
HELD = {f"net/v1/{name}": body for name, body in MODEL.items()} | {"net/v1/README.md": b"#"}
HELD["net.tar.gz"] = tar_of(MODEL, compression="gz")
KEY = {"accountKey": azurite.ACCOUNT_KEY}


@pytest.fixture(scope="module")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with azurite.server(tmp_path_factory.mktemp("azurite")) as endpoint:
        azurite.make_container(endpoint, "models")
        config: Any = {"account_name": azurite.ACCOUNT, "account_key": azurite.ACCOUNT_KEY}
        config |= {"container_name": "models", "endpoint": endpoint}
        _put(AzureStore(config=config, client_options={"allow_http": True}))
        yield endpoint


def _put(store: Any) -> None:
    for key, body in HELD.items():
        obstore.put(store, key, body, use_multipart=False)


def options(tmp_path: Path, uri: str, endpoint: str, **more: Any) -> Options:
    few = RetryPolicy(attempts=3, first_pause=0.01)
    return Options(uri=uri, into=tmp_path / "goal" / "model", endpoint=endpoint, retries=few, **more)


@pytest.mark.parametrize("path", ["net/v1", "net", "net.tar.gz"])
def test_a_model_comes_from_azure(
    tmp_path: Path, azure: str, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parallel, "PART_BYTES", 100_000)
    wish = options(tmp_path, f"az://{azurite.ACCOUNT}/models/{path}", azure, credentials=KEY)
    fetched = fetch.fetch(wish)
    assert tree(tmp_path / "goal" / "model") == MODEL
    assert fetching.check(wish) == fetched.revision


@pytest.mark.parametrize(
    ("uri", "secret", "reason"),
    [
        ("az://devstoreaccount1/nowhere/net", KEY, "NotFound"),
        ("az://devstoreaccount1/models/other", KEY, "NotFound"),
        ("az://devstoreaccount1/models/net", {"accountKey": "QUJD"}, "NotAllowed"),
        ("az://devstoreaccount1/models/net", {"accountKey": "no base64 S3CRET"}, "InvalidCredentials"),
        ("az://devstoreaccount1/models/net", {"sasToken": "sv=2021-08-06&sig=S3CRET"}, "NotAllowed"),
        ("az://devstoreaccount1/models/net", {}, "NotAllowed"),
    ],
)
def test_what_azure_refuses_is_named(
    tmp_path: Path, azure: str, uri: str, secret: dict[str, str], reason: str
) -> None:
    with pytest.raises(StartError) as caught:
        fetch.fetch(options(tmp_path, uri, azure, credentials=secret))
    assert caught.value.reason == reason, caught.value.message
    assert "S3CRET" not in caught.value.message


BREAKING = {
    **{f"cut at {tenth}0 %": [Fault(cut=tenth / 10)] * 2 for tenth in range(10)},
    "429": [Fault(status=429)] * 2,
    "503": [Fault(status=503)] * 2,
    "slow drip": [Fault(drip=999)],
    # The range is signed: what is asked for stays, and the answer lies.
    "wrong range": [Fault(headers={"Content-Range": "bytes 5-99/200"})] * 2,
    "changed": [Fault(headers={"ETag": '"other"'})],
}


@pytest.mark.parametrize("plan", BREAKING.values(), ids=BREAKING)
def test_what_can_heal_heals(
    tmp_path: Path, azure: str, plan: list[Fault], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parallel, "PART_BYTES", 100_000)
    upstream, _, account = azure.rpartition("/")
    uri = f"az://{azurite.ACCOUNT}/models/net.tar.gz"
    with fault_proxy(upstream, *plan, renaming=True) as proxy:
        fetch.fetch(options(tmp_path, uri, f"{proxy.endpoint}/{account}", credentials=KEY))
        assert not proxy.plan
    assert tree(tmp_path / "goal" / "model") == MODEL
