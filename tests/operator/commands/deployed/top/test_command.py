"""How `paddlemodel top` asks the pods."""

import asyncio
from typing import cast

from paddlemodel_operator.cluster.kubeconfig import Page, UserApi
from paddlemodel_operator.commands.deployed.top.command import Model, Proxy


class Together:
    """An API server that answers for no pod before it was asked for all."""

    def __init__(self, pods: int) -> None:
        self._all = asyncio.Barrier(pods)

    async def page(self, path: str) -> Page:
        await self._all.wait()
        status = 503 if "silent" in path else 200
        text = b"# TYPE paddle_gpu_utilization gauge\npaddle_gpu_utilization 80.0\n"
        return Page(status=status, body=text)


def model(name: str, *pods: str) -> Model:
    return Model(namespace="ml", name=name, replicas="", pods=pods)


async def test_the_pods_of_all_models_are_asked_at_once() -> None:
    """Else a namespace of many small models would take as long as all their pods together."""
    models = [model("a", "a-1"), model("b", "b-1", "silent"), model("c")]
    faults: list[str] = []
    source = Proxy(cast("UserApi", Together(3)), faults)
    async with asyncio.timeout(20):
        found = await source.read(models)
    assert {key: list(pages) for key, pages in found.items()} == {
        ("ml", "a"): ["a-1"],
        ("ml", "b"): ["b-1"],
        ("ml", "c"): [],
    }
    assert faults == ["pod silent answers /metrics with 503."]
