"""The operator's language, at a real API server."""

import pytest

from tests.operator.support.cluster import Cluster
from tests.operator.support.manifests import manifest, settled
from tests.operator.support.process import Operator

pytestmark = [pytest.mark.control_plane, pytest.mark.usefixtures("operator")]


def test_the_language_of_the_conditions_is_a_setting(
    cluster: Cluster, operator: Operator, namespace: str
) -> None:
    """Also of a model that is there already, and back."""
    cluster.apply(manifest(namespace))
    settled(cluster, operator, namespace)
    english = cluster.conditions(namespace, "resnet50")
    operator.stop()
    operator.start(language="zh")
    chinese = cluster.conditions(namespace, "resnet50")
    assert chinese["Available"]["message"] == (
        "没有任何版本的 Pod 应答；Ready 状况会说明原因。详情：" + english["Available"]["message"]
    )
    assert {kind: one["reason"] for kind, one in chinese.items()} == {
        kind: one["reason"] for kind, one in english.items()
    }
    operator.stop()
    operator.start()
    assert cluster.conditions(namespace, "resnet50") == english
