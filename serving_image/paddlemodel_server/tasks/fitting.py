"""What a server serves: the signature in the model's files, and the task that fits it.

The supervisor does it first, so that a task that does not fit is refused before Paddle is loaded; then every
HTTP worker does.
"""

from collections.abc import Callable

from paddlemodel_server.model import files, signature
from paddlemodel_server.protocol.served import Place, ScoreKind, Served
from paddlemodel_server.settings import Settings
from paddlemodel_server.tasks import origins, registry
from paddlemodel_server.tasks.auto.found import Beside


def chosen(settings: Settings) -> registry.Chosen:
    """The task that the spec names, or the files beside the model do; the supervisor asks once.

    Raises:
        StartError: the task cannot be read, or the files cannot.
    """
    model = signature.read(files.locate(settings.model_dir))
    return registry.settled(registry.read(settings.task), Beside(folder=settings.model_dir, model=model))


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
        settings=origins.settings(chosen),
        source=chosen.source,
    )
