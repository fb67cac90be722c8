"""Prometheus and prometheus-adapter, both real, feed the autoscaler; the operator registers nothing."""

from collections.abc import Iterator

import pytest

from devcluster import prometheus
from devcluster.neighbours import prometheus_adapter
from devcluster.neighbours.host import Host
from tests.autoscaling.pretended import page
from tests.neighbours import monitors
from tests.neighbours.wished import MOST, Wished
from tests.operator.cluster import Cluster
from tests.operator.process import Operator
from tests.repository import charts

RULES = [
    {
        "seriesQuery": 'paddle_gpu_utilization{namespace!="",pod!=""}',
        "resources": {"overrides": {"namespace": {"resource": "namespace"}, "pod": {"resource": "pod"}}},
        "name": {"matches": "^.*$", "as": "paddle_gpu_utilization"},
        "metricsQuery": "avg(avg_over_time(<<.Series>>{<<.LabelMatchers>>}[1m])) by (<<.GroupBy>>)",
    }
]


@pytest.fixture(scope="module")
def adapter(host: Host, operator: Operator, cluster: Cluster) -> Iterator[None]:
    """All three, as a user of the chart's `metricsSource: prometheusAdapter` has them."""
    rendered = charts.render("monitoring.podMonitors.enabled=true")
    monitor = next(one for one in rendered if one["metadata"]["name"].endswith("-models"))
    pods = monitors.discovery(cluster)
    scraping = monitors.scrape_config(monitor, pods, "1s")
    folder = host.folder / "prometheus"
    folder.mkdir()
    with (
        prometheus.running(folder, {"scrape_configs": [scraping]}) as found,
        prometheus_adapter.running(host, found.url, RULES),
    ):
        operator.start(metrics_source="prometheusAdapter")
        yield
        operator.stop()
    pods.end()


@pytest.mark.usefixtures("adapter")
def test_scales_on_the_servers_own_gauge(wished: Wished) -> None:
    wished.wish(page(gpu=95), gpuUtilization=70)
    wished.becomes(MOST)
    wished.say(page(gpu=10))
    wished.becomes(1, 180)
