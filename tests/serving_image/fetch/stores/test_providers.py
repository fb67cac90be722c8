"""What a Secret, the flags and a pod's environment become for each provider."""

import json
from typing import Any

import pytest
from paddlemodel_server.errors import StartError
from paddlemodel_server.fetch.sources import providers
from paddlemodel_server.fetch.sources.place import place_of
from paddlemodel_server.fetch.sources.source import Request

S3_KEYS = {"accessKeyId": "S3CRET1", "secretAccessKey": "S3CRET2"}
GS_KEY = {"serviceAccount.json": json.dumps({"private_key": "k"})}


def access(uri: str, environ: dict[str, str] | None = None, **more: Any) -> providers.Access:
    return providers.access(Request(uri=uri, **more), place_of(uri), environ or {})


@pytest.mark.parametrize(
    ("given", "endpoint", "virtual"),
    [
        ({}, None, True),
        ({"addressing": "Path"}, None, False),
        ({"endpoint": "http://minio:9000"}, "http://minio:9000", False),
        (
            {"endpoint": "https://oss-cn-hangzhou.aliyuncs.com/", "addressing": "VirtualHost"},
            "https://b.oss-cn-hangzhou.aliyuncs.com",
            True,
        ),
    ],
)
def test_the_bucket_stands_where_the_provider_wants_it(
    given: dict[str, Any], endpoint: str | None, virtual: bool
) -> None:
    config = access("s3://b/net", **given).config
    assert (config.get("endpoint"), config["virtual_hosted_style_request"]) == (endpoint, virtual)


def test_a_bucket_with_dots_goes_into_the_path() -> None:
    assert access("s3://a.b/net").config["virtual_hosted_style_request"] is False


@pytest.mark.parametrize(
    ("uri", "secret", "config"),
    [
        ("s3://b/net", S3_KEYS, {"access_key_id": "S3CRET1", "secret_access_key": "S3CRET2"}),
        ("s3://b/net", S3_KEYS | {"sessionToken": "S3CRET3"}, {"session_token": "S3CRET3"}),
        ("gs://b/net", GS_KEY, {"service_account_key": GS_KEY["serviceAccount.json"]}),
        ("az://me/c/net", {"accountKey": "S3CRET"}, {"account_key": "S3CRET", "account_name": "me"}),
        ("az://me/c/net", {"sasToken": "?sv=1&sig=2"}, {"sas_key": "sv=1&sig=2"}),
    ],
)
def test_a_secret_reaches_the_client(uri: str, secret: dict[str, str], config: dict[str, str]) -> None:
    made = access(uri, {"AWS_WEB_IDENTITY_TOKEN_FILE": "/token"}, credentials=secret)
    assert made.config.items() >= config.items()
    assert made.identity == "the Secret"
    assert not any(value in repr(made) for value in secret.values())


@pytest.mark.parametrize(
    ("uri", "variable"),
    [
        ("s3://b/net", "AWS_WEB_IDENTITY_TOKEN_FILE"),
        ("s3://b/net", "AWS_CONTAINER_CREDENTIALS_FULL_URI"),
        ("gs://b/net", "GOOGLE_APPLICATION_CREDENTIALS"),
        ("az://me/c/net", "AZURE_FEDERATED_TOKEN_FILE"),
    ],
)
def test_without_a_secret_the_pods_identity_is_used_where_there_is_one(uri: str, variable: str) -> None:
    assert "skip_signature" not in access(uri, {variable: "x"}).config
    assert access(uri, {variable: "x"}).identity == "the pod's identity"
    assert access(uri).config["skip_signature"] is True
    assert access(uri).identity == "nobody"


@pytest.mark.parametrize(
    "endpoint", ["minio", "ftp://h", "http://", "http://u:p@h", "http://h?x=1", "http://h:x", "http://[h"]
)
def test_an_endpoint_that_is_none_is_refused(endpoint: str) -> None:
    with pytest.raises(StartError) as caught:
        access("s3://b/net", endpoint=endpoint)
    assert caught.value.reason == "InvalidEndpoint"


@pytest.mark.parametrize("key", ["{", "[]", "{}", '"x"', "S3CRET"])
def test_a_service_account_that_is_none_is_refused(key: str) -> None:
    with pytest.raises(StartError) as caught:
        access("gs://b/net", credentials={"serviceAccount.json": key})
    assert caught.value.reason == "InvalidCredentials"
    assert "S3CRET" not in caught.value.message
