"""Every task, and how PADDLEMODEL_TASK becomes one of them that fits the model.

The text is the union of paddlemodel_api.tasks as JSON, validated by its own types. pydantic takes 0.1 s to
import, so only the supervisor does, and not for tensors; the HTTP workers go by what it has read.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from paddlemodel_api import contract

from paddlemodel_server.errors import StartError
from paddlemodel_server.protocol.served import Place, Task
from paddlemodel_server.tasks.audio_classification.task import AudioClassification
from paddlemodel_server.tasks.image_classification.task import ImageClassification
from paddlemodel_server.tasks.speech_recognition.task import SpeechRecognition
from paddlemodel_server.tasks.tensors import Tensors
from paddlemodel_server.tasks.text_classification.task import TextClassification
from paddlemodel_server.tasks.text_embedding.task import TextEmbedding
from paddlemodel_server.tasks.token_classification.task import TokenClassification

_FILE = "task.json"

_ALL: tuple[type[Task], ...] = (
    Tensors,
    ImageClassification,
    TextEmbedding,
    TextClassification,
    TokenClassification,
    AudioClassification,
    SpeechRecognition,
)
TASKS: dict[str, type[Task]] = {task.name: task for task in _ALL}


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """A validated task, as the supervisor leaves it for the HTTP workers.

    Attributes:
        name: of the member.
        fields: the member as JSON, defaults included, by Python's names.
    """

    name: str
    fields: str = "{}"

    @property
    def spec(self) -> Any:
        """The fields as attributes, blocks inside included; lists where the type has tuples."""
        return json.loads(self.fields, object_hook=lambda found: SimpleNamespace(**found))

    def save(self, folder: Path) -> None:
        """Leave it in the folder where the server's processes meet; too large for a command line."""
        (folder / _FILE).write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> "Chosen":
        """Read the choice that `save` wrote into a folder."""
        return cls(**json.loads((folder / _FILE).read_text(encoding="utf-8")))


def read(text: str) -> Chosen:
    """Validate PADDLEMODEL_TASK.

    Args:
        text: JSON of a paddlemodel_api.tasks.Task.

    Raises:
        StartError: `InvalidSettings`, with the first fault.
    """
    if text == contract.DEFAULT_TASK:
        return Chosen(name=Tensors.name)
    from paddlemodel_api import faults, tasks  # noqa: PLC0415 - see above
    from pydantic import ValidationError  # noqa: PLC0415

    try:
        name, spec = tasks.Task.model_validate_json(text).chosen
    except ValidationError as error:
        message = (
            f"PADDLEMODEL_TASK cannot be used: {faults.sentence(error, 'spec.task')}; "
            f"it is JSON such as {contract.DEFAULT_TASK}."
        )
        raise StartError("InvalidSettings", message) from None
    return Chosen(name=name, fields=spec.model_dump_json())


def fit(chosen: Chosen, place: Place) -> Task:
    """The task, compared with the model.

    Raises:
        StartError: `TaskDoesNotFit`.
    """
    return TASKS[chosen.name].fit(chosen.spec, place)


def files() -> dict[str, str]:
    """Files that some task takes as they are: suffix to Content-Type."""
    return {suffix: media for task in TASKS.values() for suffix, media in task.files.items()}


def usages() -> list[str]:
    """One line for each such kind of file, for `predict --help`."""
    return list(dict.fromkeys(task.usage for task in TASKS.values() if task.usage))
