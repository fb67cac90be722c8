"""Writes the status of a model, and the Events that tell of it."""

import logging
from collections.abc import Mapping
from typing import Any, Final

from paddlemodel_operator.base import names
from paddlemodel_operator.base.errors import ApiError, Retry
from paddlemodel_operator.language.conditions import of_status
from paddlemodel_operator.reconcile.context import Context
from paddlemodel_operator.status.events import opening, transition
from paddlemodel_operator.status.judge import READY, condition
from paddlemodel_operator.status.known import known, merge_patch
from paddlemodel_operator.status.readiness_checks import NAMESPACE_ENDING

log = logging.getLogger(__name__)

CHANGED: Final = 5.0
"""Seconds until we look again at a model that somebody else has just changed; its event comes sooner."""


async def report(context: Context, body: Mapping[str, Any], status: dict[str, Any]) -> None:
    """One status write, only when it says something new; then, only then, the Event.

    Raises:
        Retry: the model is not the one any more that the status is about, and nothing was written.
    """
    metadata, found = body["metadata"], body.get("status")
    before, status = known(found), of_status(status, context.settings.language)
    namespace, name = metadata["namespace"], metadata["name"]
    patch = merge_patch(found if isinstance(found, Mapping) else {}, status)
    ending = namespace in context.ending
    if not patch or (ending and condition(before, READY).get("reason") == NAMESPACE_ENDING):
        return
    try:
        written = await context.api.patch_status(namespace, name, patch, metadata.get("resourceVersion", ""))
    except ApiError as error:
        if error.code == 409:
            raise Retry(CHANGED, "somebody else has changed the model") from error
        raise
    if written is None:
        return
    context.cache.put(names.MODEL, written)
    at = f"{context.now():%Y-%m-%dT%H:%M:%S.%fZ}"
    told = (tell(body, before, status, context.instance, at) for tell in (transition, opening))
    for event in filter(None, told):
        log.info("%s/%s: %s. %s", namespace, name, event["reason"], event["note"])
        if not ending:  # It takes no Event either.
            await _tell(context, event)


async def _tell(context: Context, event: Mapping[str, Any]) -> None:
    """An Event is a courtesy: what matters is in the status."""
    try:
        await context.api.create_event(event)
    except ApiError as error:
        log.warning(
            "No Event for %s/%s: %s", event["regarding"]["namespace"], event["regarding"]["name"], error
        )
