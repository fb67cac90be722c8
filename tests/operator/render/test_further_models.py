"""A task's further models: an init container for each, what it may read, and what the server is told."""

import json
from typing import Any

from paddlemodel_api import contract
from paddlemodel_operator.base import names
from paddlemodel_operator.render import render

from tests.operator.support.builders import DIGEST, SETTINGS, URI, model, rendered
from tests.operator.support.expected import FETCH
from tests.operator.support.task_specs.ocr_specs import READER, of_page


def pod_spec(manifest: dict[str, Any]) -> Any:
    return rendered(names.DEPLOYMENT, **manifest)["spec"]["template"]["spec"]


def server_env(manifest: dict[str, Any]) -> dict[str, str]:
    (server,) = pod_spec(manifest)["containers"]
    return {one["name"]: one["value"] for one in server["env"]}


def test_each_model_is_fetched_as_the_main_one_is_into_a_folder_beside_it() -> None:
    args = ["fetch", "--uri", READER["uri"], "--into", "/models/recognition"]
    assert pod_spec(of_page())["initContainers"] == [
        FETCH,
        {**FETCH, "name": "fetch-recognition", "args": args},
    ]


def test_every_model_has_its_own_digest_credentials_and_place_and_all_share_the_cache() -> None:
    found = pod_spec(
        of_page(
            {"cache": {"claimName": "shared", "keep": 5}, "credentials": {"secretName": "web"}},
            {"digest": DIGEST},
            orientation={
                "uri": "s3://models/$a",
                "credentials": {"secretName": "s3"},
                "store": {"endpoint": "http://minio:9000"},
            },
        )
    )
    cache = ("--cache", "/mnt/model-cache", "--keep", "5")
    assert [one["args"] for one in found["initContainers"]] == [
        [*_fetch(URI, "model"), *cache, "--credentials", "/mnt/model-credentials"],
        [*_fetch(READER["uri"], "recognition"), "--digest", DIGEST, *cache],
        [
            *_fetch("s3://models/$$a", "orientation"),
            *cache,
            *("--credentials", "/mnt/orientation-credentials", "--endpoint", "http://minio:9000"),
        ],
    ]
    mounted = [{mount["name"] for mount in one["volumeMounts"]} for one in found["initContainers"]]
    common = {"models", "tmp", "model-cache"}
    assert mounted == [common | {"model-credentials"}, common, common | {"orientation-credentials"}]
    assert [one["name"] for one in found["volumes"]] == [
        *("models", "tmp", "model-credentials", "orientation-credentials", "model-cache"),
    ]


def _fetch(uri: str, name: str) -> list[str]:
    return ["fetch", "--uri", uri, "--into", f"/models/{name}"]


def test_a_claim_of_a_further_model_is_its_own_volume_and_needs_no_cache() -> None:
    found = pod_spec(of_page({"cache": {"claimName": "shared"}}, {"uri": "pvc://store/rec"}))
    args = [*_fetch("file:///mnt/recognition-source/rec", "recognition"), "--root", "/mnt/recognition-source"]
    assert found["initContainers"][1]["args"] == args
    claim = {"claimName": "store", "readOnly": True}
    assert {"name": "recognition-source", "persistentVolumeClaim": claim} in found["volumes"]


def test_the_server_learns_where_they_lie_and_nothing_of_where_they_came_from() -> None:
    secret = {"uri": "https://a.example.com/m.tar?sig=5ecret", "credentials": {"secretName": "s"}}
    env = server_env(of_page(recognition=secret, orientation={**READER}, reading={"widthStep": 1}))
    assert json.loads(env[contract.FURTHER_MODELS_VARIABLE]) == {
        "recognition": "../recognition",
        "orientation": "../orientation",
    }
    assert json.loads(env["PADDLEMODEL_TASK"]) == {
        "ocr": {
            "recognition": {"uri": "file:///models/recognition"},
            "orientation": {"uri": "file:///models/orientation"},
            "reading": {"widthStep": 1},
        }
    }
    assert contract.FURTHER_MODELS_VARIABLE not in server_env({})


def test_another_recogniser_is_another_version_of_the_pods() -> None:
    def revision(**fields: Any) -> str:
        template = rendered(names.DEPLOYMENT, **of_page(recognition=fields))["spec"]["template"]
        return str(template["metadata"]["labels"][contract.REVISION_LABEL])

    assert len({revision(), revision(uri="s3://models/b"), revision(digest=DIGEST)}) == 3


def test_one_pod_looks_for_news_of_all_models_that_can_have_some() -> None:
    looking = {"updatePolicy": "Notify"}
    manifest = of_page(looking, {"credentials": {"secretName": "s"}}, orientation={"uri": "pvc://store/a"})
    spec = rendered(names.CRON_JOB, **manifest)["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    check = ("fetch", "--check", "--uri")
    assert {one["name"]: one["args"] for one in spec["containers"]} == {
        "check": [*check, URI],
        "check-recognition": [*check, READER["uri"], "--credentials", "/mnt/recognition-credentials"],
    }
    assert [one["name"] for one in spec["volumes"]] == ["tmp", "recognition-credentials"]


def test_new_content_of_a_further_model_replaces_the_pods() -> None:
    key = names.ChildKey(names.DEPLOYMENT, "resnet50")
    contents = {"recognition": "v2"}
    template = render(model(**of_page()), SETTINGS, contents)[key]["spec"]["template"]
    assert template["metadata"]["annotations"] == {"paddlemodel.dev/recognition-revision": "v2"}
