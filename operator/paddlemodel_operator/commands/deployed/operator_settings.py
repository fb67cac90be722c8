"""Finds the operator's Deployment, and with it the settings by which it renders."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from paddlemodel_api import contract

from paddlemodel_operator.base import names
from paddlemodel_operator.base.errors import ApiError, SettingsError
from paddlemodel_operator.cluster.kubeconfig import UserApi, is_forbidden
from paddlemodel_operator.commands.deployed.connection import sentence
from paddlemodel_operator.commands.deployed.records import NotKnown, Operator
from paddlemodel_operator.language.words import t
from paddlemodel_operator.settings import PREFIX, Settings, from_environment

SELECTOR: Final = f"{contract.NAME_LABEL}={names.MANAGED_BY}"
CONTAINER: Final = "operator"
USUAL_NAMESPACE: Final = "paddlemodel-system"
"""Of docs/install.md: who may not list Deployments everywhere may perhaps list them there."""


async def find(api: UserApi, namespace: str) -> Operator | NotKnown:
    """The operator that serves a namespace; else any, which says by its settings that it does not."""
    try:
        found = await api.list_all(names.DEPLOYMENT, SELECTOR)
    except ApiError as error:
        if not is_forbidden(error):
            raise
        try:
            found = await api.list_all(names.DEPLOYMENT, SELECTOR, USUAL_NAMESPACE)
        except ApiError as again:
            return NotKnown(sentence(again))
    operators = [
        _operator(one, container)
        for one in found.items
        for container in one["spec"]["template"]["spec"]["containers"]
        if container["name"] == CONTAINER
    ]
    if operators:
        return next((one for one in operators if _serves(one, namespace)), operators[0])
    return NotKnown(
        t(
            "no Deployment has the label {label}: install the operator, as docs/install.md says, unless it "
            "runs outside the cluster.",
            label=SELECTOR,
        )
    )


async def with_holder(api: UserApi, found: Operator) -> Operator:
    """The same, and who holds its Lease."""
    settings = found.settings
    if isinstance(settings, NotKnown) or not settings.lease:
        return found
    try:
        lease = await api.get(names.LEASE, found.namespace, settings.lease)
    except ApiError as error:
        return replace(found, holder=NotKnown(sentence(error)))
    return replace(found, holder=str(((lease or {}).get("spec") or {}).get("holderIdentity") or ""))


def _serves(operator: Operator, namespace: str) -> bool:
    served = () if isinstance(operator.settings, NotKnown) else operator.settings.watch_namespaces
    return not served or namespace in served


def _operator(deployment: Mapping[str, Any], container: Mapping[str, Any]) -> Operator:
    variables = {
        one["name"]: one.get("value", "")
        for one in container.get("env", ())
        if one["name"].startswith(PREFIX)
    }
    settings: Settings | NotKnown
    try:
        settings = from_environment(variables)
    except SettingsError as error:
        settings = NotKnown(t("the operator is of another version than this program: {error}", error=error))
    return Operator(
        namespace=deployment["metadata"]["namespace"],
        name=deployment["metadata"]["name"],
        ready=deployment.get("status", {}).get("readyReplicas", 0),
        image=container["image"],
        settings=settings,
    )
