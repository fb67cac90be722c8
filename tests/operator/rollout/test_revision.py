"""What is another version, and what is not."""

from typing import Any

import pytest
from paddlemodel_operator.rollout.revision import wanted_revision as revision

from tests.operator.support.builders import DIGEST, SETTINGS, URI, model

CANARY = {"strategy": "Canary"}
ANOTHER: dict[str, dict[str, Any]] = {
    "another model": {"model": {"uri": "https://models.example.com/other.tar"}},
    "another pin": {"model": {"uri": URI, "digest": DIGEST}},
    "another device": {"device": "GPU"},
    "another limit": {"server": {"queueSize": 5}},
    "another label": {"pod": {"labels": {"team": "x"}}},
    "other memory": {"resources": {"requests": {"cpu": 1}}},
    "no requests and limits at all": {"resources": {}},
    "a path in front": {"ingress": {"host": "a.example.com", "path": "/a"}},
    "keys": {"access": {"apiKeys": {"secretName": "clients"}}},
    "recorded requests": {"verification": {"recording": {"fromModel": "verify.jsonl"}}},
}
THE_SAME: dict[str, dict[str, Any]] = {
    "more replicas": {"replicas": 5},
    "autoscaling": {"autoscaling": {"maxReplicas": 3}},
    "another port of the Service": {"service": {"port": 8000}},
    "an Ingress": {"ingress": {"host": "a.example.com"}},
    "an HTTPRoute": {"gateway": {"parentRefs": [{"name": "public"}], "hostnames": ["a.example.com"]}},
    "a canary": {"rollout": CANARY},
    "a mirror": {"rollout": {**CANARY, "mirror": {"percent": 9}}},
    "no spare pod": {"rollout": {"surge": 0}},
    "from where clients may come": {"access": {"network": {"from": [{"podSelector": {}}]}}},
    "whether somebody looks for new content": {"model": {"uri": URI, "updatePolicy": "Notify"}},
    "an empty list and an empty object in the pod": {"pod": {"env": [], "nodeSelector": {}}},
    "a default that is written": {"server": {}, "pod": {}, "service": {"type": "ClusterIP"}},
}


@pytest.mark.parametrize("change", ANOTHER.values(), ids=ANOTHER)
def test_another_version(change: dict[str, Any]) -> None:
    assert revision(model(**change), SETTINGS, {}) != revision(model(), SETTINGS, {})


@pytest.mark.parametrize("change", THE_SAME.values(), ids=THE_SAME)
def test_no_other_version(change: dict[str, Any]) -> None:
    assert revision(model(**change), SETTINGS, {}) == revision(model(), SETTINGS, {})


def test_another_image_and_new_content_are_other_versions() -> None:
    other = SETTINGS.model_copy(update={"server_image_cpu": "server:other"})
    found = {
        revision(model(), SETTINGS, {}),
        revision(model(), other, {}),
        revision(model(), SETTINGS, {"model": "v2"}),
    }
    assert len(found) == 3
    elsewhere = SETTINGS.model_copy(update={"server_image_gpu": "server:other"})
    assert revision(model(), elsewhere, {}) == revision(model(), SETTINGS, {})
