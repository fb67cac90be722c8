"""API servers of older Kubernetes take the definition, judge as the newest does, and keep what is rendered.

Alone, without controllers and nodes: what pods and autoscalers do there is not tried.
"""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

import pytest
import yaml
from paddlemodel_operator.base import names
from paddlemodel_operator.base.model import from_body
from paddlemodel_operator.cluster.drift import is_applied
from paddlemodel_operator.render import render

from devcluster import cluster as clusters
from devcluster.builders import programs
from tests.operator.support.builders import SETTINGS, UID, body
from tests.operator.support.cluster import Cluster
from tests.operator.support.manifests import everything
from tests.operator.support.specs import ACCEPTED, RULES, TYPES, UNKNOWN
from tests.repository.definition import until_served
from tests.repository.helm.charts import CHART, NAMESPACE, RELEASE, helm
from tests.repository.sources import examples, shown, text

pytestmark = pytest.mark.control_plane

MODULES = {"1.30": "kubernetes-1.30", "1.33": "kubernetes-1.33", "1.37": "kubernetes"}
# What the operator alone refuses on 1.30, whose rules know no networks; test_model.py has the same cases.
LATER = {
    "1.30": {
        "a hole as large as all",
        "a hole outside",
        "an address",
        "proxies out of range",
        "proxies that are no networks",
    }
}
EVERYTHING_ALLOWED = SETTINGS.model_copy(update={"custom_tasks": True, "gateway_api": True})
Object = dict[str, Any]


@pytest.fixture(scope="module", params=MODULES)
def version(request: pytest.FixtureRequest) -> str:
    """The minor version of the API server."""
    found: str = request.param
    return found


@pytest.fixture(scope="module")
def server(version: str) -> Iterator[Cluster]:
    """An API server with the definition."""
    with clusters.api_server_for(f"older-{os.getpid()}", MODULES[version]) as state:
        found = Cluster(state.kubeconfig)
        with closing(found.http):
            found.apply(definition(version))
            until_served(found.kubeconfig, found.cache)
            yield found


def definition(version: str) -> Object:
    """As the chart installs it there."""
    words = ("--show-only", "templates/crd.yaml", "--kube-version", f"{version}.0")
    found: Object = yaml.safe_load(helm("template", RELEASE, str(CHART), *words))
    return found


def manifest(spec: Any, name: str = "resnet50") -> Object:
    return {**body(), "metadata": {"name": name, "namespace": "default"}, "spec": spec}


def kept(server: Cluster, desired: Mapping[str, Any]) -> str:
    """What the API server says to an apply by the operator, as a dry run; empty if every field is kept."""
    query = {"fieldManager": names.FIELD_MANAGER, "force": "true", "dryRun": "All"}
    headers = {"Content-Type": "application/apply-patch+yaml"}
    answer = server.http.patch(
        server._path(desired), params=query, content=json.dumps(desired, ensure_ascii=False), headers=headers
    )
    if not answer.is_success:
        return str(answer.json()["message"])
    if warning := answer.headers.get("Warning"):
        return str(warning)
    return "" if is_applied(desired, answer.json()) else f"fields were dropped or changed: {answer.text}"


def rendered(source: Object) -> list[Object]:
    """All children that every cluster has a kind for."""
    metadata = {"namespace": "default", "uid": UID, "generation": 1, **source["metadata"]}
    children = render(from_body({**source, "metadata": metadata}), EVERYTHING_ALLOWED)
    return [child for key, child in children.items() if child and key.kind not in names.OPTIONAL_KINDS]


def test_it_is_the_version_that_it_is_called(server: Cluster, version: str) -> None:
    found = server.http.get("/version").raise_for_status().json()
    assert f"{found['major']}.{found['minor']}" == version


def test_the_definition_is_kept_whole(server: Cluster, version: str) -> None:
    """What a version does not know of a schema it drops without a word."""
    ours = definition(version)
    answer = server.http.get(
        f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{ours['metadata']['name']}"
    )
    found = answer.raise_for_status().json()
    assert found["spec"]["versions"] == ours["spec"]["versions"]
    conditions = {one["type"]: one["status"] for one in found["status"]["conditions"]}
    assert (conditions["Established"], conditions.get("NonStructuralSchema")) == ("True", None)


def test_it_refuses_what_breaks_a_rule_in_the_same_words(server: Cluster, version: str) -> None:
    wrong = {}
    for case in (*RULES, *TYPES):
        said = server.try_create(manifest(case.spec, case.name))
        later = case.fault in LATER.get(version, ())
        if (said != "") if later else (case.message not in said):
            wrong[case.fault] = said
    for case in UNKNOWN:
        said = server.try_create(manifest(case.spec), strict=True)
        if f'unknown field "spec.{case.message}"' not in said:
            wrong[case.fault] = said
    assert wrong == {}


def test_it_accepts_what_is_right(server: Cluster) -> None:
    said = {name: server.try_create(manifest(spec), strict=True) for name, spec in ACCEPTED.items()}
    assert {name: message for name, message in said.items() if message} == {}


def test_it_keeps_what_is_rendered_of_each_spec(server: Cluster) -> None:
    """Each field of each child, as the operator applies it."""
    sources = {name: manifest(spec) for name, spec in ACCEPTED.items()}
    sources["everything"] = everything("default")
    said = {
        f"{name}: {child['kind']} {child['metadata']['name']}": kept(server, child)
        for name, source in sources.items()
        for child in rendered(source)
    }
    assert len(said) > 2 * len(sources), "a Deployment and a Service for each, at least"
    assert {name: message for name, message in said.items() if message} == {}


def test_it_accepts_each_example_and_keeps_what_is_rendered(server: Cluster) -> None:
    said = {}
    for example in examples():
        for found in yaml.safe_load_all(text(example)):
            found["metadata"].setdefault("namespace", "default")
            if found["kind"] != "PaddleModel":
                continue
            said[shown(example)] = server.try_create(found, strict=True)
            for child in rendered(found):
                said[f"{shown(example)}: {child['kind']} {child['metadata']['name']}"] = kept(server, child)
    assert len(said) > 3 * len(examples()), "the model, a Deployment and a Service for each, at least"
    assert {name: message for name, message in said.items() if message} == {}


def test_helm_installs_the_chart(server: Cluster) -> None:
    """As a dry run by the server: what it refuses, and what it does not know, ends it."""
    server.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    environment = os.environ | {"KUBECONFIG": str(server.kubeconfig)}
    words = (
        "install",
        RELEASE,
        str(CHART),
        "--namespace",
        NAMESPACE,
        "--dry-run=server",
        "--set=crds.enabled=false",
    )
    done = subprocess.run(
        [programs.program("helm", "helm"), *words],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    objects = [
        one for one in yaml.safe_load_all(done.stdout.partition("MANIFEST:")[2].partition("NOTES:")[0]) if one
    ]
    assert {one["kind"] for one in objects} >= {"Deployment", "ClusterRole", "ServiceAccount"}
    said = {f"{one['kind']} {one['metadata']['name']}": kept(server, one) for one in objects}
    assert {name: message for name, message in said.items() if message} == {}
