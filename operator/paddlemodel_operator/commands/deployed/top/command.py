"""`paddlemodel top`: how busy models are, by the metrics of their pods."""

import argparse
import asyncio
import re
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from paddlemodel_api import contract

from paddlemodel_operator.base import names
from paddlemodel_operator.base.errors import ApiError
from paddlemodel_operator.base.quantity import amount
from paddlemodel_operator.cluster.kubeconfig import UserApi, is_forbidden, proxied
from paddlemodel_operator.commands.deployed import facts, status
from paddlemodel_operator.commands.deployed.connection import object_name, parser, run, sentence
from paddlemodel_operator.commands.deployed.top.pod_metrics import PodMetrics, load, read
from paddlemodel_operator.commands.deployed.top.table import listing
from paddlemodel_operator.commands.faults import CommandError, InputError
from paddlemodel_operator.observe.pod_samples import addresses

DESCRIPTION = """Show how busy models are, or the pods of one: requests answered per second, and the time
within which 95 of 100 were answered, over the seconds between two looks; and at the second look what is being
computed, what waits, GPUs and memory.

The numbers are those of the pods' own metrics, read through the API server, which needs your right to get
pods/proxy. Without it, the metrics adapter is asked (custom.metrics.k8s.io): it knows neither QPS nor P95 nor
MEMORY. Standard error says which it was. A dash is a number that no pod exports."""

EXAMPLES = """examples:
  paddlemodel top
  paddlemodel top -A
  paddlemodel top resnet50 -n ml --seconds 10     # each pod of one model, over ten seconds

Exit codes: 0 printed; 1 no metric of a pod can be read, and one sentence says why; 2 the command line is
wrong, or there is no such model."""

AT_ONCE: Final = 16
_ADAPTER: Final = f"/apis/{names.CUSTOM_METRICS_GROUP}/v1beta2"
Reading = dict[str, PodMetrics]
"""By the pod's name."""


@dataclass(frozen=True, kw_only=True)
class Model:
    """A model and its ready pods."""

    namespace: str
    name: str
    replicas: str
    pods: tuple[str, ...]


def main(argv: Sequence[str]) -> int:
    """Print the table; returns the exit code."""
    arguments = options().parse_args(argv)
    if arguments.name and arguments.all_namespaces:
        raise InputError("NAME is in one namespace: leave out -A, or name it with -n.")
    return run(
        arguments,
        lambda api: _top(api, arguments.name, arguments.seconds, everywhere=arguments.all_namespaces),
    )


def options() -> argparse.ArgumentParser:
    """What the command line may say."""
    made = parser("top", DESCRIPTION, EXAMPLES)
    add = made.add_argument
    add("name", metavar="NAME", nargs="?", type=object_name, help="a model, of which every pod is shown")
    add("-A", "--all-namespaces", action="store_true", help="the models of all namespaces")
    add("--seconds", type=_seconds, default=2.0, metavar="S", help="between the two looks (default 2)")
    return made


def _seconds(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,3}(\.[0-9]+)?", text) or not 0.1 <= float(text) <= 300:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds from 0.1 to 300")
    return float(text)


async def _top(api: UserApi, name: str | None, seconds: float, *, everywhere: bool) -> int:
    models = await _models(api, name, everywhere=everywhere)
    faults: list[str] = []
    source = Proxy(api, faults)
    first = await source.read(models)
    begun = time.monotonic()
    if source.forbidden:
        sys.stderr.write(f"==> from the metrics adapter: {source.forbidden}\n")
        last, passed = await _of_adapter(api, models, faults), 0.0
    else:
        sys.stderr.write("==> from the pods' own metrics, through the API server\n")
        await asyncio.sleep(seconds)
        last, passed = await source.read(models), time.monotonic() - begun
    sys.stdout.write(_shown(models, first, last, passed, pods=name is not None))
    for fault in dict.fromkeys(faults):
        sys.stderr.write(f"==> {fault}\n")
    pods = any(model.pods for model in models)
    return 1 if pods and not any(last.values()) else 0


async def _models(api: UserApi, name: str | None, *, everywhere: bool) -> list[Model]:
    place = None if everywhere else api.namespace
    if name:
        bodies = [await status.model(api, name)]
    else:
        bodies = (await api.list_all(names.MODEL, namespace=place)).items
    selector = contract.MODEL_LABEL + (f"={name}" if name else "")
    pods = (await api.list_all(names.POD, selector, place)).items
    return [_model(body, pods) for body in bodies]


def _model(body: Mapping[str, Any], pods: Sequence[Mapping[str, Any]]) -> Model:
    told = facts.of_model(body)
    own = [
        pod
        for pod in pods
        if pod["metadata"]["namespace"] == told["namespace"]
        and pod["metadata"]["labels"][contract.MODEL_LABEL] == told["name"]
    ]
    ready = tuple(sorted(addresses(own)))
    return Model(namespace=told["namespace"], name=told["name"], replicas=told["replicas"] or "", pods=ready)


class Proxy:
    """Reads the pods' metrics through the API server."""

    def __init__(self, api: UserApi, faults: list[str]) -> None:
        self._api = api
        self._faults = faults
        self._slots = asyncio.Semaphore(AT_ONCE)
        self.forbidden = ""
        """Why nobody may be asked."""

    async def read(self, models: Sequence[Model]) -> dict[tuple[str, str], Reading]:
        """By namespace and name, what every pod says that answers."""
        found: dict[tuple[str, str], Reading] = {(model.namespace, model.name): {} for model in models}
        places = [(model, pod) for model in models for pod in model.pods]
        pages = await asyncio.gather(*(self._pod(model.namespace, pod) for model, pod in places))
        for (model, pod), page in zip(places, pages, strict=True):
            if page is not None:
                found[model.namespace, model.name][pod] = page
        return found

    async def _pod(self, namespace: str, pod: str) -> PodMetrics | None:
        if self.forbidden:
            return None
        try:
            async with self._slots:
                page = await self._api.page(proxied(namespace, pod, contract.ADMIN_PORT, "/metrics"))
            if page.status == 200:
                return read(page.body.decode())
            self._faults.append(f"pod {pod} answers /metrics with {page.status}.")
        except ApiError as error:
            if is_forbidden(error):
                self.forbidden = sentence(error)
            else:
                self._faults.append(f"pod {pod}: {sentence(error)}")
        except ValueError:
            self._faults.append(f"pod {pod} answers /metrics with what are no metrics.")
        return None


async def _of_adapter(
    api: UserApi, models: Sequence[Model], faults: list[str]
) -> dict[tuple[str, str], Reading]:
    """What autoscalers are told, for who may ask that and not the pods."""
    found = {}
    for model in models:
        gauges: dict[str, dict[str, float]] = {}
        for metric in contract.SCALING_METRICS if model.pods else ():
            for pod, value in (await _metric(api, model, metric, faults)).items():
                gauges.setdefault(pod, {})[metric] = value
        found[model.namespace, model.name] = {pod: PodMetrics(gauges=own) for pod, own in gauges.items()}
    return found


async def _metric(api: UserApi, model: Model, metric: str, faults: list[str]) -> dict[str, float]:
    path = f"{_ADAPTER}/namespaces/{model.namespace}/pods/*/{metric}"
    try:
        told = await api.read(path, {"labelSelector": f"{contract.MODEL_LABEL}={model.name}"})
    except ApiError as error:
        if is_forbidden(error):
            raise CommandError(f"nor may you ask the metrics adapter: {sentence(error)}") from None
        if error.code != 404:  # No pod exports it.
            faults.append(f"the metrics adapter: {sentence(error)}")
        return {}
    values = {one["describedObject"]["name"]: amount(one["value"]) for one in told.get("items", ())}
    return {pod: float(value) for pod, value in values.items() if value is not None and pod in model.pods}


def _shown(
    models: Sequence[Model],
    first: Mapping[tuple[str, str], Reading],
    last: Mapping[tuple[str, str], Reading],
    seconds: float,
    *,
    pods: bool,
) -> str:
    if pods:
        (model,) = models
        key = model.namespace, model.name
        return listing(
            ["POD"],
            [((pod,), load(first[key], {pod: one}, seconds)) for pod, one in last[key].items()],
        )
    return listing(
        ["NAMESPACE", "NAME", "REPLICAS"],
        [
            (
                (one.namespace, one.name, one.replicas),
                load(first[one.namespace, one.name], last[one.namespace, one.name], seconds),
            )
            for one in models
        ],
    )
