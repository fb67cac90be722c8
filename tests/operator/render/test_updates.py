"""The CronJob that looks for new content, word for word, and when it looks."""

from typing import Any

import pytest
from paddlemodel_operator.base import names
from paddlemodel_operator.render import render, updates

from tests.operator.support.builders import SETTINGS, model, rendered
from tests.operator.support.expected import HARDENED, LABELS, METADATA, POD_SPEC

CONFINED = {
    key: POD_SPEC[key] for key in ("securityContext", "automountServiceAccountToken", "enableServiceLinks")
}


CHECK = {
    "name": "check",
    "image": "server:cpu",
    "imagePullPolicy": "IfNotPresent",
    "securityContext": HARDENED,
    "args": [
        *("fetch", "--check", "--uri", "s3://models/a"),
        *("--credentials", "/mnt/model-credentials"),
    ],
    "resources": {
        "requests": {"cpu": "10m", "memory": "64Mi"},
        "limits": {"cpu": "500m", "memory": "256Mi"},
    },
    "volumeMounts": [
        {"name": "tmp", "mountPath": "/tmp"},
        {"name": "model-credentials", "mountPath": "/mnt/model-credentials", "readOnly": True},
    ],
    "terminationMessagePolicy": "File",
}


def looking(minutes: int | None = None, **fields: Any) -> dict[str, Any]:
    every = {} if minutes is None else {"checkMinutes": minutes}
    return {"uri": "s3://models/a", "updatePolicy": "Notify", **every, **fields}


def test_nobody_looks_by_default() -> None:
    assert rendered(names.CRON_JOB) is None
    assert rendered(names.CRON_JOB, model={"uri": "s3://models/a", "updatePolicy": "Pinned"}) is None


def test_the_simplest_cron_job() -> None:
    found = rendered(names.CRON_JOB, model=looking(credentials={"secretName": "s"}, cache={"claimName": "c"}))
    template = found["spec"]["jobTemplate"]["spec"]["template"]
    assert len(template["metadata"]["labels"].pop("paddlemodel.dev/update-check")) == 10
    assert found == {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": METADATA,
        "spec": {
            "schedule": "46 0-23/1 * * *",
            "concurrencyPolicy": "Forbid",
            "successfulJobsHistoryLimit": 1,
            "failedJobsHistoryLimit": 1,
            "jobTemplate": {
                "spec": {"backoffLimit": 0, "activeDeadlineSeconds": 600, "template": template},
            },
        },
    }
    assert template == {
        # None of these is in the selector of a Service or a Deployment.
        "metadata": {"labels": LABELS},
        "spec": {
            "containers": [CHECK],
            "volumes": [
                {"name": "tmp", "emptyDir": {}},
                {
                    "name": "model-credentials",
                    "secret": {"secretName": "s", "optional": True, "defaultMode": 0o440},
                },
            ],
            "restartPolicy": "Never",
            **CONFINED,
        },
    }


def test_a_look_runs_as_the_model_s_pods_do_but_for_what_tells_them_apart() -> None:
    placement = {
        "nodeSelector": {"zone": "a"},
        "tolerations": [{"operator": "Exists"}],
        "priorityClassName": "low",
        "runtimeClassName": "kata",
        "serviceAccountName": "reader",
        "imagePullSecrets": [{"name": "registry"}],
    }
    env = [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}]
    pod = {**placement, "env": env, "labels": {"team": "x"}, "annotations": {"a": "b"}, "affinity": {}}
    found = rendered(names.CRON_JOB, model=looking(), pod=pod)["spec"]["jobTemplate"]["spec"]["template"]
    assert {key: found["spec"][key] for key in placement} == placement
    assert "affinity" not in found["spec"]
    assert found["spec"]["containers"][0]["env"] == env
    assert found["metadata"]["labels"]["team"] == "x"
    assert found["metadata"]["annotations"] == {"a": "b"}


@pytest.mark.parametrize(
    ("minutes", "fields"),
    [
        (1, "0-59/1 * * * *"),
        (15, "1-59/15 * * * *"),
        (60, "46 0-23/1 * * *"),
        (180, "46 0-23/3 * * *"),
        (1440, "46 9 * * *"),
    ],
)
def test_models_look_at_different_minutes_and_each_at_the_same(minutes: int, fields: str) -> None:
    assert updates.schedule(model(model=looking(minutes))) == fields


def test_another_way_to_look_makes_older_looks_worthless() -> None:
    def label(**fields: Any) -> str:
        found = rendered(names.CRON_JOB, model=looking(**fields))["spec"]["jobTemplate"]["spec"]["template"]
        return str(found["metadata"]["labels"]["paddlemodel.dev/update-check"])

    assert label() == label(minutes=5)
    assert label() != label(uri="s3://models/b")


def test_new_content_replaces_the_pods() -> None:
    manifest = model(pod={"annotations": {"a": "b"}})
    key = names.ChildKey(names.DEPLOYMENT, "resnet50")
    old, new = (
        render(manifest, SETTINGS, contents)[key]["spec"]["template"]["metadata"]
        for contents in ({}, {names.MAIN: "v2"})
    )
    assert old["annotations"] == {"a": "b"}
    assert new["annotations"] == {"a": "b", "paddlemodel.dev/model-revision": "v2"}
    assert old["labels"]["paddlemodel.dev/revision"] != new["labels"]["paddlemodel.dev/revision"]
