"""Reads what the doctor's steps decide by; what cannot be read is told, and stops nothing."""

import asyncio
from collections.abc import Mapping
from typing import Any

from paddlemodel_api import contract

from paddlemodel_operator.base import names
from paddlemodel_operator.base.errors import ApiError, SpecError
from paddlemodel_operator.base.model import PaddleModel, from_body
from paddlemodel_operator.cluster.kubeconfig import UserApi, is_forbidden, proxied
from paddlemodel_operator.commands.deployed import operator_settings
from paddlemodel_operator.commands.deployed.connection import attempt, sentence
from paddlemodel_operator.commands.deployed.doctor.seen import Answer, Object, Seen
from paddlemodel_operator.commands.deployed.records import NotKnown, Operator
from paddlemodel_operator.language.words import t
from paddlemodel_operator.observe.children import LiveObjects, Observed, observe
from paddlemodel_operator.render import render
from paddlemodel_operator.render.access import has_tls
from paddlemodel_operator.settings import Settings


async def gather(api: UserApi, body: Mapping[str, Any]) -> Seen:
    """Everything about the model of a body."""
    namespace, name = body["metadata"]["namespace"], body["metadata"]["name"]
    operator = await _operator(api, namespace)
    model, wanted = _read(body, operator)
    of_service = f"{names.SERVICE_NAME_LABEL}={name}"
    deployment, pods, endpoints, classes = await asyncio.gather(
        attempt(api.get(names.DEPLOYMENT, namespace, name)),
        attempt(api.list_all(names.POD, f"{contract.MODEL_LABEL}={name}", namespace)),
        attempt(api.list_all(names.ENDPOINT_SLICE, of_service, namespace)),
        attempt(api.list_all(names.INGRESS_CLASS)),
    )
    found = await asyncio.gather(*(attempt(api.get(one.kind, namespace, one.name)) for one in wanted))
    observed = _observed(deployment, pods if isinstance(pods, NotKnown) else pods.items)
    return Seen(
        body=body,
        model=model,
        operator=operator,
        children=dict(zip(wanted, found, strict=True)),
        observed=observed,
        endpoints=endpoints if isinstance(endpoints, NotKnown) else endpoints.items,
        classes=classes if isinstance(classes, NotKnown) else classes.items,
        answer=await _answer(api, model, observed),
    )


async def _operator(api: UserApi, namespace: str) -> Operator | NotKnown:
    try:
        found = await operator_settings.find(api, namespace)
        return found if isinstance(found, NotKnown) else await operator_settings.with_holder(api, found)
    except ApiError as error:
        return NotKnown(sentence(error))


def _read(
    body: Mapping[str, Any], operator: Operator | NotKnown
) -> tuple[PaddleModel | NotKnown, list[names.ChildKey]]:
    """The parsed spec, and the objects that the operator should make of it."""
    settings = operator.settings if isinstance(operator, Operator) else operator
    # What the operator allows is not known then: it is not the doctor who forbids it.
    known = Settings(custom_tasks=True, gateway_api=True) if isinstance(settings, NotKnown) else settings
    try:
        model = from_body(body)
        return model, list(render(model, known))
    except SpecError as error:
        return NotKnown(str(error)), []


def _observed(
    deployment: Object | NotKnown | None, pods: list[dict[str, Any]] | NotKnown
) -> Observed | NotKnown:
    if isinstance(pods, NotKnown):
        return pods
    if isinstance(deployment, NotKnown):
        return deployment
    return observe(LiveObjects(deployment=deployment, pods=pods))


async def _answer(
    api: UserApi, model: PaddleModel | NotKnown, observed: Observed | NotKnown
) -> Answer | NotKnown | None:
    """Ask a ready pod, through the API server."""
    if isinstance(model, NotKnown):
        return None
    if isinstance(observed, NotKnown):
        return observed
    pod = next((one for one in observed.pods if one.ready), None)
    if pod is None:
        return None
    path = f"/v2/models/{model.name}"
    address = proxied(model.namespace, pod.name, contract.HTTP_PORT, path, tls=has_tls(model))
    try:
        page = await api.page(address)
    except ApiError as error:
        if is_forbidden(error):
            return NotKnown(sentence(error))
        return NotKnown(
            t(
                "the API server does not reach pod {pod} at port {port}, which clients may do all the same; "
                "a NetworkPolicy or a mesh can be why: {said}",
                pod=pod.name,
                port=contract.HTTP_PORT,
                said=error.message,
            )
        )
    return Answer(pod=pod.name, path=path, status=page.status, body=page.body)
