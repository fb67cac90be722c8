"""Where the model comes from (`spec.model`) and how a request body becomes tensors (`spec.task`)."""

from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from paddlemodel_api import uri as uri_grammar
from paddlemodel_api.base import Block, Rule, matches


def _without(pattern: str, message: str) -> Rule:
    return Rule(
        cel=f"!self.uri.matches(r'{pattern}')",
        holds=lambda source: not uri_grammar.holds(source.uri, pattern),
        message=message,
        field="uri",
    )


class ModelSource(Block):
    """Where the model files come from, and optionally what they must be."""

    uri: Annotated[str, Field(min_length=1, max_length=1024)] = Field(
        description=f"Where the model lies: {uri_grammar.FORMS}. A path is a folder or an archive with one "
        ".json or .pdmodel and its .pdiparams."
    )
    digest: Annotated[str, Field(max_length=71)] | None = Field(
        default=None,
        description="sha256:HEX that the model must have, else it is not served. Of an archive: what "
        "sha256sum "
        "prints; of a folder: sha256 over the sorted sha256sum lines of its files. status.model.digest "
        "shows the "
        "digest of what is served, ready to be copied here. Default: any content is accepted.",
    )
    rules: ClassVar = (
        _without(
            uri_grammar.CREDENTIALS,
            "spec.model.uri must not hold a user or password: everybody who may read the object would see "
            "them, and a Secret is not supported yet; use an address that needs none, a signed query "
            "(?…), or pvc://CLAIM/PATH",
        ),
        matches(
            "uri",
            uri_grammar.PATTERN,
            f"spec.model.uri must be {uri_grammar.FORMS}, in printable ASCII without spaces; other schemes "
            "are not supported yet",
        ),
        _without(uri_grammar.UPWARD, "spec.model.uri must not climb upwards: write the path without '..'"),
        _without(
            uri_grammar.LINK_LOCAL,
            "spec.model.uri must not name a link-local or metadata address: use the host of a file server",
        ),
        matches(
            "digest",
            "sha256:[0-9a-f]{64}",
            "spec.model.digest must be 'sha256:' and 64 lower-case hexadecimal digits: prefix what "
            "sha256sum prints",
        ),
    )


Label = Annotated[str, Field(max_length=128)]
Channels = Annotated[tuple[float, ...], Field(min_length=3, max_length=3)]
Divisors = Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(min_length=3, max_length=3)]
Side = Annotated[int, Field(ge=1, le=8192)]

_IMAGE_FIELDS: Final = (
    "labels",
    "labels_file",
    "top_k",
    "resize",
    "channel_order",
    "mean",
    "std",
    "activation",
    "width",
    "height",
)


class Task(Block):
    """How the body of POST /predict becomes tensors, and the outputs become an answer."""

    type: Literal["Tensors", "ImageClassification"] = Field(
        default="Tensors",
        description="Tensors: JSON of the Open Inference Protocol, or one raw or .npy tensor, in and out. "
        "ImageClassification: the bytes of a picture in, class, label and score out. The protocols' own "
        "routes take tensors with either.",
    )
    labels: Annotated[tuple[Label, ...], Field(max_length=1000)] | None = Field(
        default=None,
        description="Names of the classes in the order of the model's output, up to 1000; for more use "
        "labelsFile. "
        "Default: no names, only class numbers.",
    )
    labels_file: Annotated[str, Field(max_length=255)] | None = Field(
        default=None, description="File inside the model folder with one class name per line. Default: none."
    )
    top_k: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        default=None, description="How many best classes an answer lists. Default: 5."
    )
    resize: Literal["Crop", "Stretch", "Pad"] | None = Field(
        default=None,
        description="How a picture gets the size of the model's input. Crop: shorter side to size/0.875, "
        "then the "
        "centre. Stretch: both sides, ratio lost. Pad: fit in, zeros right and below. Default: Crop.",
    )
    channel_order: Literal["RGB", "BGR"] | None = Field(
        default=None, description="Order of the colour channels in the model's input. Default: RGB."
    )
    mean: Channels | None = Field(
        default=None,
        description="Per channel, subtracted from values in 0..1. Default: 0.485, 0.456, 0.406 (ImageNet).",
    )
    std: Divisors | None = Field(
        default=None, description="Per channel, divides after mean. Default: 0.229, 0.224, 0.225 (ImageNet)."
    )
    activation: Literal["Auto", "None", "Softmax"] | None = Field(
        default=None,
        description="What turns outputs into scores. Auto: Softmax unless they already are probabilities. "
        "Default: Auto.",
    )
    width: Side | None = Field(
        default=None,
        description="Pixels; only for a model whose input leaves the width open. Default: the model's.",
    )
    height: Side | None = Field(
        default=None,
        description="Pixels; only for a model whose input leaves the height open. Default: the model's.",
    )
    rules: ClassVar = (
        Rule(
            cel="!(has(self.labels) && has(self.labelsFile))",
            holds=lambda task: task.labels is None or task.labels_file is None,
            message="spec.task.labels and spec.task.labelsFile exclude each other: keep one",
        ),
        Rule(
            cel="(has(self.type) && self.type == 'ImageClassification') || !(has(self.labels) || "
            "has(self.labelsFile) "
            "|| has(self.topK) || has(self.resize) || has(self.channelOrder) || has(self.mean) || "
            "has(self.std) "
            "|| has(self.activation) || has(self.width) || has(self.height))",
            holds=lambda task: (
                task.type == "ImageClassification"
                or all(getattr(task, name) is None for name in _IMAGE_FIELDS)
            ),
            message="spec.task has fields that only pictures use: set spec.task.type to ImageClassification, "
            "or remove them",
        ),
        matches(
            "labels_file",
            r"[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*",
            "spec.task.labelsFile must be a plain relative path inside the model folder, such as labels.txt",
        ),
    )
