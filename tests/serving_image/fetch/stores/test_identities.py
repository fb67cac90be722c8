"""Who asks an object store: keys of a Secret, or what a cloud tells a pod of itself; none of it is said."""

import base64
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from paddlemodel_server.errors import StartError
from paddlemodel_server.fetch import command as fetch
from paddlemodel_server.fetch.command import Options
from paddlemodel_server.fetch.retry_policy import RetryPolicy

from tests.serving_image.support.file_server import no_proxy  # noqa: F401 - a fixture
from tests.serving_image.support.stores import identities
from tests.serving_image.support.stores.identities import BEARER, KEY_ID, POD_TOKEN, SESSION, Clouds

S3, GS, AZ = "s3://bucket/net", "gs://bucket/net", "az://me/container/net"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clouds]:
    with identities.clouds(tmp_path_factory.mktemp("clouds")) as found:
        yield found


@pytest.fixture
def clouds(running: Clouds, monkeypatch: pytest.MonkeyPatch) -> Clouds:
    running.seen.clear()
    running.refusing = False
    monkeypatch.setenv("SSL_CERT_FILE", str(running.authority))
    return running


@pytest.fixture
def token(tmp_path: Path) -> str:
    file = tmp_path / "token"
    file.write_text(POD_TOKEN)
    return str(file)


def asked(clouds: Clouds, tmp_path: Path, uri: str, **more: Any) -> StartError:
    """Fetch what is not there; the refusal."""
    given: dict[str, Any] = {
        "endpoint": clouds.tls,
        "timeout": 20,
        "retries": RetryPolicy(attempts=2, first_pause=0.01),
    } | more
    with pytest.raises(StartError) as caught:
        fetch.fetch(Options(uri=uri, into=tmp_path / "goal" / "model", **given))
    return caught.value


def irsa(clouds: Clouds, token: str) -> dict[str, str]:
    return {
        "AWS_WEB_IDENTITY_TOKEN_FILE": token,
        "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/reader",
        "AWS_ENDPOINT_URL_STS": clouds.tls,
        "AWS_REGION": "us-east-1",
    }


def pod_identity(clouds: Clouds, token: str) -> dict[str, str]:
    return {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{clouds.plain}/pod-identity",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": token,
    }


def metadata(clouds: Clouds, _: str) -> dict[str, str]:
    return {"GCE_METADATA_HOST": clouds.plain.removeprefix("http://")}


def entra(clouds: Clouds, token: str) -> dict[str, str]:
    return {
        "AZURE_FEDERATED_TOKEN_FILE": token,
        "AZURE_TENANT_ID": "tenant",
        "AZURE_CLIENT_ID": "client",
        "AZURE_AUTHORITY_HOST": clouds.tls,
    }


Variables = Callable[[Clouds, str], dict[str, str]]
PODS: dict[str, tuple[str, Variables]] = {
    "IRSA": (S3, irsa),
    "EKS Pod Identity": (S3, pod_identity),
    "GKE workload identity": (GS, metadata),
    "AKS workload identity": (AZ, entra),
}


@pytest.mark.parametrize("kind", PODS)
def test_a_pod_is_who_its_cloud_says(
    clouds: Clouds, token: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    uri, variables = PODS[kind]
    for name, value in variables(clouds, token).items():
        monkeypatch.setenv(name, value)
    assert asked(clouds, tmp_path, uri).reason == "NotFound"
    first, reached = clouds.seen[0], clouds.at_the_store()
    assert reached
    for one in reached:
        if uri == S3:
            assert f"Credential={KEY_ID}/" in one.headers["authorization"]
            assert one.headers["x-amz-security-token"] == SESSION
        else:
            assert one.headers["authorization"] == f"Bearer {BEARER}"
    told = {
        "IRSA": first.form.get("WebIdentityToken"),
        "EKS Pod Identity": first.headers.get("authorization"),
        "GKE workload identity": POD_TOKEN if first.headers.get("metadata-flavor") == "Google" else "",
        "AKS workload identity": first.form.get("client_assertion"),
    }
    assert told[kind] == POD_TOKEN


@pytest.mark.parametrize("kind", PODS)
def test_a_cloud_that_refuses_is_told_without_the_token(
    clouds: Clouds,
    token: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    kind: str,
) -> None:
    caplog.set_level("DEBUG")
    uri, variables = PODS[kind]
    for name, value in variables(clouds, token).items():
        monkeypatch.setenv(name, value)
    clouds.refusing = True
    fault = asked(clouds, tmp_path, uri)
    assert (fault.reason, "the pod's identity" in fault.message) == ("NotAllowed", True), fault.message
    assert clouds.at_the_store() == []
    assert POD_TOKEN not in fault.message + caplog.text


def test_a_service_account_signs_for_itself(clouds: Clouds, tmp_path: Path) -> None:
    """Google's libraries call it a self-signed JWT; no other server is asked, whatever the key file names."""
    key = rsa.generate_private_key(65537, 2048)
    account = {
        "type": "service_account",
        "private_key": identities.private_text(key),
        "private_key_id": "planted-key-id",
        "client_email": "reader@project.iam.gserviceaccount.com",
        "token_uri": "http://token.invalid/token",
    }
    secret = {"serviceAccount.json": json.dumps(account)}
    assert asked(clouds, tmp_path, GS, credentials=secret).reason == "NotFound"
    assert clouds.seen == clouds.at_the_store()
    for one in clouds.seen:
        text, _, signature = one.headers["authorization"].removeprefix("Bearer ").rpartition(".")
        key.public_key().verify(_decoded(signature), text.encode(), PKCS1v15(), hashes.SHA256())
        head, claims = (json.loads(_decoded(part)) for part in text.split("."))
        assert (head["alg"], head["kid"]) == ("RS256", "planted-key-id")
        assert claims["iss"] == claims["sub"] == account["client_email"]
        assert claims["scope"] == "https://www.googleapis.com/auth/cloud-platform"
        assert 0 < claims["exp"] - time.time() < 3700


def test_a_shared_access_signature_stands_in_the_query(clouds: Clouds, tmp_path: Path) -> None:
    secret = {"sasToken": "?sv=2021-08-06&sp=rl&sig=planted%2Bsignature"}
    assert asked(clouds, tmp_path, AZ, credentials=secret).reason == "NotFound"
    assert {one.form["sig"] for one in clouds.at_the_store()} == {"planted+signature"}


def test_a_session_token_goes_with_its_keys(clouds: Clouds, tmp_path: Path) -> None:
    secret = {"accessKeyId": KEY_ID, "secretAccessKey": "planted", "sessionToken": SESSION}
    assert asked(clouds, tmp_path, S3, credentials=secret).reason == "NotFound"
    assert {one.headers["x-amz-security-token"] for one in clouds.at_the_store()} == {SESSION}


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
