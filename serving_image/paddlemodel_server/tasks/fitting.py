"""What a server serves: the signature in the model's files, and the task that fits it.

The supervisor does it first, so that a task that does not fit is refused before Paddle is loaded; then every
HTTP worker does.
"""

from collections.abc import Callable

from paddlemodel_server.model import files, signature
from paddlemodel_server.protocol.served import Place, ScoreKind, Served
from paddlemodel_server.settings import Settings
from paddlemodel_server.tasks import registry


def served(
    settings: Settings,
    chosen: registry.Chosen,
    body_bytes: int | None = None,
    scores: Callable[[], ScoreKind | None] = lambda: None,
    alone: Callable[[], bool] = lambda: True,
) -> Served:
    """Read the model's files and fit the task to them.

    Args:
        settings: which model.
        chosen: which task.
        body_bytes: as in Place.
        scores: as in Place.
        alone: as in Place.

    Raises:
        StartError: what is missing or does not fit, and the cure.
    """
    model = signature.read(files.locate(settings.model_dir))
    place = Place(
        model=model,
        folder=settings.model_dir,
        body_bytes=body_bytes,
        scores=scores,
        alone=alone,
        custom=settings.custom_tasks,
    )
    return Served(
        name=settings.name,
        model=model,
        task=registry.fit(chosen, place),
        max_request_bytes=settings.max_request_bytes,
    )
