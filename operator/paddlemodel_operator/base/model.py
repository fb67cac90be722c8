"""The user's YAML becomes frozen types, once, at the edge: no code behind `from_body` reads a raw dict."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from paddlemodel_api import contract, uri
from paddlemodel_api.faults import sentence
from paddlemodel_api.serving import Gpu
from paddlemodel_api.source import Cache, Place
from paddlemodel_api.spec import NAME_MESSAGE, NAME_PATTERN, TASK_BYTES_MAX, Spec
from pydantic import ValidationError

from paddlemodel_operator.base.command import Command, read_command
from paddlemodel_operator.base.errors import SpecError

MODELS_DIR: Final = "/models"
"""Where they lie in the pod, each in a folder of its name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FetchedModel:
    """One of the models that each pod fetches: that of spec.model, or a further one of the task.

    Attributes:
        name: `model`, or the name of the further model's field.
        field: where it stands in the spec, for sentences.
        source: where it comes from, and what it must be.
        cache: the claim that keeps it; None without one, and where the pod has the place itself.
        looks_for_updates: whether somebody is to look for new content at its URI.
    """

    name: str
    field: str
    source: Place
    cache: Cache | None
    looks_for_updates: bool

    @property
    def place(self) -> str:
        """Where it lies, as people may read it: a query may be a signature, and is left out."""
        path, mark, _ = self.source.uri.partition("?")
        return f"{path}?..." if mark else path

    @property
    def folder(self) -> str:
        """Where it lies in the pod."""
        return f"{MODELS_DIR}/{self.name}"


@dataclass(frozen=True, kw_only=True, slots=True)
class PaddleModel:
    """One parsed spec with its identity."""

    name: str
    namespace: str
    uid: str
    generation: int
    spec: Spec
    paused: bool = False
    """Whether the operator is to change none of the model's objects."""
    command: Command | None = None
    """What a person says of a revision."""

    @property
    def fixed_replicas(self) -> int | None:
        """The number of pods that the spec states; None when an autoscaler decides."""
        if self.spec.autoscaling is not None:
            return None
        return 1 if self.spec.replicas is None else self.spec.replicas

    @property
    def gpu(self) -> Gpu | None:
        """The GPUs of each pod, with defaults; None on CPU."""
        return (self.spec.gpu or Gpu()) if self.spec.device == "GPU" else None

    @property
    def path_prefix(self) -> str:
        """What stands before the server's own paths where clients come from outside; empty for nothing."""
        outside = self.spec.ingress or self.spec.gateway
        return outside.path.rstrip("/") if outside else ""

    @property
    def fetched(self) -> tuple[FetchedModel, ...]:
        """The models that each pod fetches, that of spec.model first."""
        member, _ = self.spec.task.chosen
        fields = {
            f"spec.task.{member}.{name}": place for name, place in self.spec.task.further_models.items()
        }
        return tuple(self._fetched(*one) for one in {"spec.model": self.spec.model, **fields}.items())

    def _fetched(self, field: str, source: Place) -> FetchedModel:
        policy = self.spec.model
        return FetchedModel(
            name=field.rpartition(".")[2],
            field=field,
            source=source,
            cache=None if uri.holds(source.uri, uri.MOUNTED) else policy.cache,
            looks_for_updates=policy.looks_for_updates and not uri.holds(source.uri, uri.UNCHANGING),
        )

    @property
    def task_json(self) -> str:
        """The task as the server reads it: only what the user set.

        Of further models it says where they lie in the pod, and nothing of where they came from.
        """
        task = self.spec.task.with_addresses({one.name: f"file://{one.folder}" for one in self.fetched[1:]})
        return task.model_dump_json(by_alias=True, exclude_unset=True, exclude_none=True)


def from_body(body: Mapping[str, Any]) -> PaddleModel:
    """Parse an object of the API; raises SpecError with the first fault."""
    metadata = body["metadata"]
    if not re.fullmatch(NAME_PATTERN, metadata["name"]):
        raise SpecError(NAME_MESSAGE)
    try:
        spec = Spec.model_validate(body.get("spec", {}))
    except ValidationError as error:
        raise SpecError(sentence(error, "spec")) from error
    model = PaddleModel(
        name=metadata["name"],
        namespace=metadata["namespace"],
        uid=metadata["uid"],
        generation=metadata.get("generation", 0),
        spec=spec,
        paused=_is_paused(metadata),
        command=read_command(metadata),
    )
    if len(model.task_json.encode()) > TASK_BYTES_MAX:
        raise SpecError(
            f"spec.task is larger than {TASK_BYTES_MAX} bytes: put the class names into a file of the model "
            "folder and name it in spec.task.imageClassification.labelsFile"
        )
    return model


def _is_paused(metadata: Mapping[str, Any]) -> bool:
    said = (metadata.get("annotations") or {}).get(contract.PAUSED_ANNOTATION, "false")
    if said not in {"true", "false"}:
        raise SpecError(
            f"the annotation {contract.PAUSED_ANNOTATION} is {said!r}: set it to true, or remove it to resume"
        )
    return bool(said == "true")
