"""The first samples of a model, where no pod has to be asked."""

from paddlemodel_operator.cluster.scrape import Scraper
from paddlemodel_operator.probing.pod_prober import PACE_SECONDS, ProbeTarget

from tests.operator.probing.test_pod_prober import KEY, Harness


async def test_where_no_pod_is_asked_the_first_look_has_its_samples() -> None:
    """A sample that comes a moment later is another look: at each model, after each start."""
    async with Scraper() as scraper:
        harness = Harness(scraper)
        target = ProbeTarget(autoscaler="resnet50", gpu_resource="", asks_pods=False)
        harness.autoscaler("True", "60")
        harness.pod("a", "10.0.0.1")
        samples = harness.latest(target)
        assert samples is not None
        assert ([pod.name for pod in samples.pods], samples.readings) == (
            ["a"],
            {"paddle_gpu_utilization": 60},
        )
        assert (harness.woken, harness.is_due()) == ([], False)
        harness.autoscaler("True", "70")
        harness.now += PACE_SECONDS * 1.2
        assert (await harness.probe()).readings == {"paddle_gpu_utilization": 70}
        assert harness.woken == [KEY]
