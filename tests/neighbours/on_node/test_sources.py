"""What needs real pods: KEDA that asks them itself, and the CPU that they use, as metrics-server tells it.

The clients are real, and of their requests none may be lost. The GPUs are simulated, down to Paddle.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from devcluster.demo.play import server_image
from devcluster.neighbours import keda, metrics_server
from devcluster.neighbours.host import Host
from devcluster.nodes.node import NAME as FIRST_NODE
from devcluster.target import Target
from tests.cluster.load import Load
from tests.cluster.manifests import NAMESPACE
from tests.neighbours.on_node.models import Model, served

pytestmark = pytest.mark.node

Object = dict[str, Any]

AT_ONCE = {"scaleUp": {"stabilizationWindowSeconds": 0}, "scaleDown": {"stabilizationWindowSeconds": 15}}
MOST = 3
#: Clients so many times as fast as `steady_load.py` says.
IDLE, BUSY, QUICK = 0.05, 0.70, 1.5


@contextmanager
def asked(model: Model) -> Iterator[Load]:
    """Clients on the first node, slow at first."""
    load = Load(model.target, NAMESPACE, 1)
    load.start(server_image(model.target), model.name, at=FIRST_NODE, pace=IDLE)
    before = load.now()
    try:
        yield load
        load.check(before, model.name)
    finally:
        load.end()


def test_keda_scales_on_what_it_asks_the_pods_themselves(
    installed: Target, model_url: str, host: Host
) -> None:
    """No Prometheus: its trigger metrics-api asks every ready pod behind the model's Service."""
    scaling = {"maxReplicas": MOST, "gpuUtilization": 70, "behavior": AT_ONCE, "metricsSource": "keda"}
    resources = {"requests": {"cpu": "50m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}}
    one_by_one = {"batching": {"maxBatchSize": 1}}  # a run for every request: use is proportional to load
    spec = {"device": "GPU", "resources": resources, "server": one_by_one, "autoscaling": scaling}
    with keda.running(host), served(installed, "asked-by-keda", model_url, **spec) as model:
        model.wait_condition("True", "Active")
        assert model.autoscalers() == ["keda-hpa-asked-by-keda"]
        with asked(model) as load:
            load.pace(BUSY)
            model.becomes(MOST)
            load.pace(IDLE)
            model.becomes(1)


def test_metrics_server_scales_on_the_cpu_that_pods_use(
    installed: Target, model_url: str, host: Host
) -> None:
    """Without it the model says what is missing; with it the autoscaler follows real use."""
    scaling = {"maxReplicas": MOST, "cpuUtilization": 70, "behavior": AT_ONCE}
    resources = {"requests": {"cpu": "200m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}}
    with served(installed, "measured", model_url, resources=resources, autoscaling=scaling) as model:
        assert "cpuUtilization needs metrics-server" in model.wait_condition("False", "MetricsServerMissing")
        with metrics_server.running(host):
            model.wait_condition("True", "Active")
            with asked(model) as load:
                load.pace(QUICK)
                model.becomes(MOST)
                load.pace(IDLE)
                model.becomes(1)
