"""What a server serves: the signature in the model's files, and the task that fits it.

The supervisor does it first, so that a task that does not fit is refused before Paddle is loaded; then every
HTTP worker does.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from paddlemodel_server.model import files, signature
from paddlemodel_server.model.signature import Model
from paddlemodel_server.protocol.served import Place, ScoreKind, Served
from paddlemodel_server.settings import Settings
from paddlemodel_server.tasks import origins, registry
from paddlemodel_server.tasks.auto.found import Beside


class Warmed(NamedTuple):
    """What the warm-up found out about a model, once it is over; see `Place`."""

    scores: Callable[[], ScoreKind | None] = lambda: None
    alone: Callable[[], bool] = lambda: True


NOTHING_YET = Warmed()


def further_folders(settings: Settings) -> dict[str, Path]:
    """Where the models beside that of spec.model lie, by the names that the task has for them."""
    return {name: settings.model_dir / path for name, path in settings.further_models.items()}


def chosen(settings: Settings) -> registry.Chosen:
    """The task that the spec names, or the files beside the models do; the supervisor asks once.

    Raises:
        StartError: the task cannot be read, or the files cannot.
    """
    further = {name: _beside(folder) for name, folder in further_folders(settings).items()}
    return registry.settled(registry.read(settings.task), _beside(settings.model_dir), further)


def _beside(folder: Path) -> Beside:
    return Beside(folder=folder, model=_model(folder))


def _model(folder: Path) -> Model:
    return signature.read(files.locate(folder))


def served(
    settings: Settings,
    chosen: registry.Chosen,
    body_bytes: int | None = None,
    warmed: Mapping[str, Warmed] | None = None,
) -> Served:
    """Read the models' files and fit the task to them.

    Args:
        settings: which models.
        chosen: which task.
        body_bytes: as in Place.
        warmed: what is known of the models, by the names of the further ones; "" is that of spec.model.

    Raises:
        StartError: what is missing or does not fit, and the cure.
    """

    def place(name: str, folder: Path, further: Mapping[str, Place]) -> Place:
        known = (warmed or {}).get(name, NOTHING_YET)
        return Place(
            model=_model(folder),
            folder=folder,
            body_bytes=body_bytes,
            scores=known.scores,
            alone=known.alone,
            custom=settings.custom_tasks,
            further=further,
        )

    further = {name: place(name, folder, {}) for name, folder in further_folders(settings).items()}
    whole = place("", settings.model_dir, further)
    return Served(
        name=settings.name,
        model=whole.model,
        task=registry.fit(chosen, whole),
        max_request_bytes=settings.max_request_bytes,
        settings=origins.settings(chosen),
        source=chosen.source,
        further=tuple((name, one.model) for name, one in further.items()),
    )
