"""What the controller makes of complete lists; the API is a table, no request leaves the process."""

import itertools
from dataclasses import dataclass, field
from typing import Any, cast

from paddlemodel_operator.base import names
from paddlemodel_operator.cluster.api import Api, Listing
from paddlemodel_operator.controller import SETTLE_SECONDS, Controller, pauses

from tests.operator.support.builders import SETTINGS, body

KEY = ("ml", "resnet50")


@dataclass
class Lists:
    """An API that only lists."""

    objects: dict[names.Kind, list[dict[str, Any]]] = field(default_factory=dict)
    version: int = 10

    async def list_all(self, kind: names.Kind, _selector: str) -> Listing:
        self.version += 1
        return Listing(items=list(self.objects.get(kind, [])), resource_version=self.version)


async def test_a_model_that_vanished_unseen_is_looked_at_once_more_and_forgotten() -> None:
    """Deleted between our list and the watch's: no event tells, and its retries would go on for long."""
    api = Lists({names.MODEL: [body()]})
    controller = Controller(cast("Api", api), SETTINGS, "here")
    await controller._resync()
    assert controller._queue.take() == KEY
    controller._queue.retry(KEY)
    controller._queue.done(KEY)
    api.objects.clear()
    await controller._resync()
    assert controller._cache.get(names.MODEL, KEY) is None
    await controller._attempt(cast("tuple[str, str]", controller._queue.take()))
    controller._queue.done(KEY)
    assert len(controller._queue) == 0


def test_the_second_list_follows_soon_after_the_first() -> None:
    first, *later = itertools.islice(pauses(600), 5)
    assert first == SETTLE_SECONDS
    assert all(540 <= seconds <= 660 for seconds in later)
    assert next(pauses(3)) == 3
