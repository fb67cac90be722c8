"""The real autoscaler's behavior, row by row: stories.py tells them."""

from collections.abc import Iterator

import pytest

from tests.autoscaling.support.kubelet import Kubelet
from tests.autoscaling.support.metrics_api import MetricsApi
from tests.autoscaling.support.side_by_side import Running, Story, played
from tests.autoscaling.support.stories import STORIES
from tests.operator.support.cluster import Cluster

pytestmark = [pytest.mark.control_plane]


@pytest.fixture(scope="module")
def running(
    request: pytest.FixtureRequest, cluster: Cluster, kubelet: Kubelet, adapter: MetricsApi
) -> Iterator[Running]:
    adapter.restore()
    with played(request, cluster, kubelet) as stories:
        yield stories


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_row(running: Running, story: Story) -> None:
    running[story].result()
