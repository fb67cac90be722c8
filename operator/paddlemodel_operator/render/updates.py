"""The CronJob that looks for new content at the same URI, by a pod that has the credentials."""

import hashlib
from typing import Final

from paddlemodel_api import contract

from paddlemodel_operator.base import names
from paddlemodel_operator.base.model import PaddleModel
from paddlemodel_operator.render import container, fetching, pods
from paddlemodel_operator.render.deployment import revision
from paddlemodel_operator.render.metadata import Object, compact, head
from paddlemodel_operator.settings import Settings

DEFAULT_MINUTES: Final = 60
DAY_MINUTES: Final = 24 * 60
CHECK_SECONDS: Final = 600
"""Until a look that does not end is ended; the fetcher gives up sooner."""


def build(model: PaddleModel, settings: Settings) -> Object | None:
    """None where nobody is to look. The last pod of each outcome stays: the operator reads what it says."""
    if not model.spec.model.looks_for_updates:
        return None
    return {
        **head(model, names.CRON_JOB),
        "spec": {
            "schedule": schedule(model),
            "concurrencyPolicy": "Forbid",
            "successfulJobsHistoryLimit": 1,
            "failedJobsHistoryLimit": 1,
            "jobTemplate": {
                "spec": {
                    "backoffLimit": 0,
                    "activeDeadlineSeconds": CHECK_SECONDS,
                    "template": _template(model, settings),
                }
            },
        },
    }


def schedule(model: PaddleModel) -> str:
    """When to look, in cron's words; models look at different minutes, each always at the same ones."""
    every = model.spec.model.check_minutes or DEFAULT_MINUTES
    name = f"{model.namespace}/{model.name}".encode()
    hour, minute = divmod(int.from_bytes(hashlib.sha256(name).digest()[:4]) % every, 60)
    if every < 60:
        return f"{minute}-59/{every} * * * *"
    return f"{minute} {hour} * * *" if every == DAY_MINUTES else f"{minute} {hour}-23/{every // 60} * * *"


def _template(model: PaddleModel, settings: Settings) -> Object:
    pod = model.spec.pod
    looked_at = tuple(one for one in model.fetched if one.looks_for_updates)
    spec: Object = {
        "containers": [container.check(model, one, settings.server_image_cpu) for one in looked_at],
        "volumes": [{"name": "tmp", "emptyDir": {}}, *fetching.volumes(looked_at, cached=False)],
        "restartPolicy": "Never",
        **pods.confined(),
        **pods.placed(model),
    }
    metadata = compact(
        {
            "labels": {**(pod.labels or {}), **names.child_labels(model.name)},
            "annotations": dict(pod.annotations) if pod.annotations else None,
        }
    )
    metadata["labels"] |= {contract.UPDATE_CHECK_LABEL: revision(spec, metadata)}
    return {"metadata": metadata, "spec": spec}
