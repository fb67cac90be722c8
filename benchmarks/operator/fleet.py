"""The models of the benchmark: how they are made, and what they cost whoever serves them."""

from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from paddlemodel_operator.base import names

from tests.operator.support.cluster import Cluster
from tests.operator.support.manifests import manifest

NAMESPACES = 20
WRITERS = 8
WISH = {"autoscaling": {"maxReplicas": 3}, "ingress": {"host": "models.example.com"}}
"""Five children: Service, Deployment, HorizontalPodAutoscaler, PodDisruptionBudget, Ingress."""


def place(number: int) -> tuple[str, str]:
    """Namespace and name of a model."""
    return f"team-{number % NAMESPACES}", f"model-{number}"


def namespaces(cluster: Cluster) -> None:
    for number in range(NAMESPACES):
        cluster.kubectl("create", "namespace", f"team-{number}")


def create(cluster: Cluster, numbers: Iterable[int]) -> None:
    """As fast as eight people with kubectl."""

    def one(number: int) -> None:
        namespace, name = place(number)
        body = manifest(namespace, name, **WISH)
        cluster.http.post(names.MODEL.collection(namespace), json=body).raise_for_status()

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(one, numbers))


def requests(cluster: Cluster, user: str, since: int) -> Counter[str]:
    """Write requests of one user after a position in the audit log, by what they were for."""
    counts: Counter[str] = Counter()
    for entry in cluster.entries(since):
        if entry["user"]["username"] == user:
            what = entry["objectRef"]
            counts["/".join(filter(None, (what["resource"], what.get("subresource"))))] += 1
    return counts
