"""Five stories of a team that keeps chart and models in git, told by Argo CD itself.

They follow each other as they do in a team's life, so they are one test: install, upgrade, a model that
cannot be fetched, its cure, the end. docs/gitops.md has Argo CD's own words; `--recordings` renews them.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from devcluster.errors import DevclusterError
from devcluster.neighbours.argo_cd import ArgoCD
from devcluster.target import SYSTEM_NAMESPACE, Target
from tests.cluster.manifests import cpu_model
from tests.neighbours.argo_cd import manual
from tests.neighbours.argo_cd.repository import PUBLISHED, Repository
from tests.operator.support.cluster import eventually
from tests.repository.sources import ROOT

pytestmark = pytest.mark.node

Object = dict[str, Any]

APPLICATIONS = ROOT / "examples/argocd/applications.yaml"
NAME = "textline-orientation"
HERE = "--namespace=models"
OPERATOR, MODELS = "paddlemodel-operator", "models"
TREE = f"argocd app get {MODELS} --output tree=detailed"
BRIEF = f'{TREE} | grep -E "Status|PaddleModel"'


class Team:
    """A person at a terminal, with a repository; what was printed is kept for the page."""

    def __init__(self, argo: ArgoCD, target: Target, repository: Repository) -> None:
        self.argo, self.target, self.repository = argo, target, repository
        self.told: list[manual.Told] = []

    def types(self, line: str) -> str:
        """Run a command line of the page."""
        command, _, wanted = line.partition(" | grep -E ")
        program, *words = command.split()
        said = self.argo.said(*words) if program == "argocd" else self.target.kubectl(*words)
        lines = (each.rstrip() for each in said.splitlines() if re.search(wanted.strip('"'), each))
        said = "".join(f"{each}\n" for each in lines)
        said = re.sub(r"https?://127\.0\.0\.1:\d+", "https://argocd.example.com", said)
        self.told.append((line, said.replace(self.repository.address, PUBLISHED)))
        return said

    def commits(self, message: str) -> None:
        """And does not wait until Argo CD looks again by itself, three minutes later."""
        self.repository.commit(message)
        for name in (OPERATOR, MODELS):
            self.argo.said("app", "get", name, "--refresh")

    def application(self, name: str) -> Object:
        found: Object = json.loads(self.argo.said("app", "get", name, "--output=json"))
        return found

    def becomes(self, name: str, health: str) -> None:
        """Wait until an Application is Synced to the newest commit, and of this health."""
        commit = self.repository.head()

        def there() -> bool:
            try:
                status = self.application(name)["status"]
            except DevclusterError:
                return False
            sync = status.get("sync", {})
            assert (sync.get("status"), sync.get("revision")) == ("Synced", commit), status
            assert status["health"]["status"] == health, status
            return True

        eventually(there, 420)

    def syncs(self, name: str) -> int:
        """How often it was applied."""
        return len(self.application(name)["status"]["history"])

    def pods(self) -> set[str]:
        found = self.target.read("pods", HERE)["items"]
        return {one["metadata"]["name"] for one in found}


@pytest.fixture
def team(argo: ArgoCD, target: Target, repository: Repository) -> Iterator[Team]:
    """Argo CD leaves the namespaces that it made, and the definition."""
    yield Team(argo, target, repository)
    target.kubectl("delete", "crd", "paddlemodels.paddlemodel.dev", "--ignore-not-found", "--timeout=120s")
    target.kubectl("delete", "namespace", MODELS, SYSTEM_NAMESPACE, "--ignore-not-found", "--timeout=180s")


def test_five_stories(team: Team, model_url: str, request: pytest.FixtureRequest) -> None:
    _installs(team, model_url)
    _upgrades(team)
    _breaks(team, model_url)
    _mends(team, model_url)
    _deletes(team)
    if request.config.getoption("--recordings"):
        manual.renew(team.told)
    page = manual.recordings()
    assert [line for line, _ in page] == [line for line, _ in team.told]
    for (line, text), (_, printed) in zip(page, team.told, strict=True):
        assert manual.comparable(printed) == manual.comparable(text), line


def _installs(team: Team, model_url: str) -> None:
    """The example as it is, but for the address: nothing of it tells Argo CD to ignore a difference."""
    team.repository.model(cpu_model(model_url, NAME))
    team.repository.commit("Operator and a first model")
    text = APPLICATIONS.read_text().replace(PUBLISHED, team.repository.address)
    assert all("ignoreDifferences" not in one["spec"] for one in yaml.safe_load_all(text))
    team.target.kubectl("apply", "-f", "-", stdin=text)
    team.becomes(OPERATOR, "Healthy")
    team.becomes(MODELS, "Healthy")
    _stays(team)
    team.types(f'argocd app get {OPERATOR} | grep -E "Status|Deployment"')
    _tells_ready(team, TREE, "Serving")


def _stays(team: Team) -> None:
    """Whatever operator and Kubernetes write since, it is no difference: nothing is applied again."""
    before = team.syncs(OPERATOR), team.syncs(MODELS)
    for name in (OPERATOR, MODELS):
        team.argo.said("app", "get", name, "--hard-refresh")
        team.becomes(name, "Healthy")
        assert team.argo.said("app", "diff", name) == ""
    assert (team.syncs(OPERATOR), team.syncs(MODELS)) == before


def _upgrades(team: Team) -> None:
    """A newer chart: the operator is replaced, the model's pods stay."""
    before, synced = team.pods(), team.syncs(OPERATOR)
    team.repository.chart("Chart.yaml", "\nversion: ", "\nversion: 9")
    team.repository.chart("values.yaml", "logLevel: INFO", "logLevel: DEBUG")
    team.commits("A newer chart")
    team.becomes(OPERATOR, "Healthy")
    team.becomes(MODELS, "Healthy")
    assert team.syncs(OPERATOR) == synced + 1
    _stays(team)
    assert team.pods() == before
    team.types(f"argocd app history {OPERATOR}")


def _breaks(team: Team, model_url: str) -> None:
    """Degraded, with the operator's sentence; what served before serves on."""
    before = team.pods()
    team.repository.model(cpu_model(model_url.replace(".tar", "-v2.tar"), NAME))
    team.commits("A newer model")
    team.becomes(MODELS, "Degraded")
    _tells_ready(team, BRIEF, "NotFound")
    assert before < team.pods()


def _tells_ready(team: Team, line: str, reason: str) -> None:
    """Argo CD shows the sentence of the condition Ready."""
    said = team.types(line)
    conditions = team.target.read("pdm", NAME, HERE)["status"]["conditions"]
    (ready,) = (one for one in conditions if one["type"] == "Ready")
    assert ready["reason"] == reason
    assert " ".join(ready["message"].split()) in " ".join(said.split())


def _mends(team: Team, model_url: str) -> None:
    team.repository.model(cpu_model(model_url, NAME))
    team.commits("The model that is there")
    team.becomes(MODELS, "Healthy")
    _tells_ready(team, BRIEF, "Serving")


def _deletes(team: Team) -> None:
    """The model's children go with it; the definition stays, so that no other team loses its models."""
    team.types(f"argocd app delete {MODELS} --yes --wait")
    kinds = "paddlemodels,deployments,services,networkpolicies,poddisruptionbudgets"
    eventually(lambda: team.target.kubectl("get", kinds, HERE, "-o", "name") == "", 120)
    team.types(f"argocd app delete {OPERATOR} --yes --wait")
    team.types("kubectl get crd paddlemodels.paddlemodel.dev --output name")
