"""Every task, and how PADDLEMODEL_TASK becomes one of them that fits the model.

The text is the union of paddlemodel_api.tasks as JSON, validated by its own types. pydantic takes 0.1 s to
import: a server of tensors does without it, and so does every worker.
"""

from typing import Any

from paddlemodel_api import contract

from paddlemodel_server.errors import StartError
from paddlemodel_server.protocol.served import Place, Task
from paddlemodel_server.tasks.image_classification.task import ImageClassification
from paddlemodel_server.tasks.tensors import Tensors

TASKS: dict[str, type[Task]] = {task.name: task for task in (Tensors, ImageClassification)}


def read(text: str) -> tuple[str, Any]:
    """The name and the validated member of a task.

    Args:
        text: JSON of a paddlemodel_api.tasks.Task.

    Raises:
        StartError: `InvalidSettings`, with the first fault.
    """
    if text == contract.DEFAULT_TASK:
        return Tensors.name, None
    from paddlemodel_api import faults, tasks  # noqa: PLC0415 - see above
    from pydantic import ValidationError  # noqa: PLC0415

    try:
        return tasks.Task.model_validate_json(text).chosen
    except ValidationError as error:
        message = (
            f"PADDLEMODEL_TASK cannot be used: {faults.sentence(error, 'spec.task')}; "
            f"it is JSON such as {contract.DEFAULT_TASK}."
        )
        raise StartError("InvalidSettings", message) from None


def fit(text: str, place: Place) -> Task:
    """The task, compared with the model.

    Args:
        text: as of `read`.
        place: the model and what surrounds it.

    Raises:
        StartError: the text is wrong, or the task does not fit the model.
    """
    name, spec = read(text)
    return TASKS[name].fit(spec, place)


def files() -> dict[str, str]:
    """Files that some task takes as they are: suffix to Content-Type."""
    return {suffix: media for task in TASKS.values() for suffix, media in task.files.items()}


def usages() -> list[str]:
    """One line for each such kind of file, for `predict --help`."""
    return [task.usage for task in TASKS.values() if task.usage]
