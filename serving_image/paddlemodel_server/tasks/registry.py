"""Every task, and how PADDLEMODEL_TASK becomes one of them that fits the model.

The text is the union of paddlemodel_api.tasks as JSON, validated by its own types. pydantic takes 0.1 s to
import, so only the supervisor does, and not for tensors; the HTTP workers go by what it has read.
"""

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from paddlemodel_api import contract

from paddlemodel_server.errors import StartError
from paddlemodel_server.protocol.served import Place, Task
from paddlemodel_server.tasks.audio_classification import beside as classifiers_of_sounds
from paddlemodel_server.tasks.audio_classification.task import AudioClassification
from paddlemodel_server.tasks.auto.found import Beside, Found
from paddlemodel_server.tasks.custom.task import Custom
from paddlemodel_server.tasks.image_classification import beside as classifiers
from paddlemodel_server.tasks.image_classification.task import ImageClassification
from paddlemodel_server.tasks.object_detection import beside as detectors
from paddlemodel_server.tasks.object_detection.task import ObjectDetection
from paddlemodel_server.tasks.ocr.task import MODELS, Ocr
from paddlemodel_server.tasks.semantic_segmentation import beside as segmenters
from paddlemodel_server.tasks.semantic_segmentation.task import SemanticSegmentation
from paddlemodel_server.tasks.speech_recognition import beside as recognisers
from paddlemodel_server.tasks.speech_recognition.task import SpeechRecognition
from paddlemodel_server.tasks.table_structure import beside as tables
from paddlemodel_server.tasks.table_structure.task import TableStructure
from paddlemodel_server.tasks.tensors import Tensors
from paddlemodel_server.tasks.text import recognised as texts
from paddlemodel_server.tasks.text_classification.task import TextClassification
from paddlemodel_server.tasks.text_detection import beside as detectors_of_text
from paddlemodel_server.tasks.text_detection.task import TextDetection
from paddlemodel_server.tasks.text_embedding.task import TextEmbedding
from paddlemodel_server.tasks.text_line_orientation.task import TextLineOrientation
from paddlemodel_server.tasks.text_recognition import beside as readers
from paddlemodel_server.tasks.text_recognition.task import TextRecognition
from paddlemodel_server.tasks.token_classification.task import TokenClassification

AUTO = "auto"
_FILE = "task.json"

_ALL: tuple[type[Task], ...] = (
    Tensors,
    ImageClassification,
    ObjectDetection,
    SemanticSegmentation,
    TextEmbedding,
    TextClassification,
    TokenClassification,
    AudioClassification,
    SpeechRecognition,
    Custom,
    TextDetection,
    TextRecognition,
    TextLineOrientation,
    TableStructure,
    Ocr,
)
TASKS: dict[str, type[Task]] = {task.name: task for task in _ALL}

Recognise = Callable[[Beside], Found | None]
_BY_CONFIG: dict[str, Recognise] = {
    module.TASK: module.recognise
    for module in (
        *(classifiers, detectors, segmenters, detectors_of_text, readers, tables),
        *(classifiers_of_sounds, recognisers),
    )
}
"""What finds a task, and values for its fields, in a configuration beside the model."""
_RECOGNISERS: tuple[Recognise, ...] = (*_BY_CONFIG.values(), texts.recognise)


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """A validated task, as the supervisor leaves it for the HTTP workers.

    Attributes:
        name: of the member.
        fields: the member as JSON, defaults included, by Python's names.
        origins: of the fields that are no defaults: the spec, or a place in a file.
        source: the file that told the task, where the spec left it open.
        note: what a person should know about the files beside the model; or nothing.
    """

    name: str
    fields: str = "{}"
    origins: dict[str, str] = field(default_factory=dict)
    source: str = ""
    note: str = ""

    @property
    def blocks(self) -> Collection[str]:
        """The fields that are tasks of their own."""
        return MODELS if self.name == Ocr.name else ()

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


SPEC = "spec"
NO_FURTHER: Mapping[str, Beside] = {}


def read(text: str) -> Chosen:
    """Validate PADDLEMODEL_TASK.

    Args:
        text: JSON of a paddlemodel_api.tasks.Task.

    Raises:
        StartError: `InvalidSettings`, with the first fault.
    """
    if text == contract.DEFAULT_TASK:
        return Chosen(name=AUTO)
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
    chosen = Chosen(name=name, fields=spec.model_dump_json())
    return replace(chosen, origins=dict.fromkeys(_given(spec, chosen.blocks), SPEC))


def _given(spec: Any, blocks: Collection[str]) -> Iterator[str]:
    """The fields that a spec sets; of blocks that are tasks of their own, theirs."""
    for name in sorted(spec.model_fields_set):
        if name in blocks and (inner := getattr(spec, name)) is not None:
            yield from (f"{name}.{one}" for one in sorted(inner.model_fields_set))
        else:
            yield name


def settled(chosen: Chosen, beside: Beside, further: Mapping[str, Beside] = NO_FURTHER) -> Chosen:
    """The task with what the files beside the model say of it; fields of the spec win.

    Where the spec names no task, they say which it is, or it is tensors.

    Args:
        chosen: what `read` found.
        beside: the files.
        further: those of the models beside it, by the names that the task has for them.

    Raises:
        StartError: a file says the task, but not so that it can be served.
    """
    if chosen.blocks:
        return _each_completed(chosen, {"": beside, **further})
    if chosen.name != AUTO:
        return _completed(chosen, beside)
    for recognise in _RECOGNISERS:
        if found := recognise(beside):
            return _merged(_defaults(found.task), found, source=found.source)
    if beside.config is None:
        return Chosen(name=Tensors.name)
    note = f"{beside.config.file} beside the model is for a task that this server has not: it takes tensors."
    return Chosen(name=Tensors.name, note=note)


def _completed(chosen: Chosen, beside: Beside) -> Chosen:
    """A named task takes fields that the spec leaves out from a file of its kind that is understood."""
    if chosen.name not in _BY_CONFIG:
        return chosen
    try:
        found = _BY_CONFIG[chosen.name](beside)
    except StartError as error:
        return replace(chosen, note=f"The spec and defaults alone hold: {error.message}")
    return _merged(chosen, found) if found else chosen


def _each_completed(chosen: Chosen, beside: Mapping[str, Beside]) -> Chosen:
    """A task of several models, each of which is completed by the files beside it as if it were alone."""
    fields, origins, notes = json.loads(chosen.fields), dict(chosen.origins), list[str]()
    for block, (task, model) in MODELS.items():
        if model not in beside:
            continue
        prefix = f"{block}."
        mine = {name.removeprefix(prefix): SPEC for name in chosen.origins if name.startswith(prefix)}
        found = _completed(Chosen(name=task, fields=json.dumps(fields[block]), origins=mine), beside[model])
        fields[block] = json.loads(found.fields)
        origins |= {prefix + name: place for name, place in found.origins.items()}
        notes += [found.note] if found.note else []
    return replace(chosen, fields=json.dumps(fields), origins=origins, note=" ".join(notes))


def _merged(chosen: Chosen, found: Found, source: str = "") -> Chosen:
    given = set(chosen.origins)
    aside = {name for group in found.groups if group & given for name in group} | given
    taken = {name: value for name, value in found.fields.items() if name not in aside}
    origins = {name: place for name, place in found.origins.items() if name in taken}
    return Chosen(
        name=chosen.name,
        fields=json.dumps(json.loads(chosen.fields) | taken),
        origins=chosen.origins | origins,
        source=source,
    )


def _defaults(name: str) -> Chosen:
    """A task as if the spec named it, and no field of it."""
    return read(json.dumps({name: {}}))


def fit(chosen: Chosen, place: Place) -> Task:
    """The task, compared with the model.

    Raises:
        StartError: `TaskDoesNotFit`.
    """
    try:
        return TASKS[chosen.name].fit(chosen.spec, place)
    except StartError as error:
        if not chosen.source:
            raise
        message = f"{error.message} The spec names no task; {chosen.source} beside the model tells this one."
        raise StartError(error.reason, message) from None


def files() -> dict[str, str]:
    """Files that some task takes as they are: suffix to Content-Type."""
    return {suffix: media for task in TASKS.values() for suffix, media in task.files.items()}


def usages() -> list[str]:
    """One line for each such kind of file, for `predict --help`."""
    return list(dict.fromkeys(task.usage for task in TASKS.values() if task.usage))
