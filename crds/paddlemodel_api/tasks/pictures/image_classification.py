"""`spec.task.imageClassification`: the client sends one picture and gets the most probable classes."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from paddlemodel_api.base import Block, Rule, matches

Label = Annotated[str, Field(max_length=128)]
# Strict: the server reads JSON that no API server has looked at, where true is no 1 and "5" no 5.
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Divisor = Annotated[Number, Field(gt=0)]
Channels = Annotated[tuple[Number, ...], Field(min_length=3, max_length=3)]
Divisors = Annotated[tuple[Divisor, ...], Field(min_length=3, max_length=3)]
Count = Annotated[int, Field(strict=True, ge=1, le=1000)]
Side = Annotated[int, Field(strict=True, ge=1, le=8192)]
Share = Annotated[Number, Field(ge=0, le=1)]


class ImageClassification(Block):
    """How a picture becomes the model's input, and its scores an answer."""

    labels: Annotated[tuple[Label, ...], Field(max_length=1000)] | None = Field(
        default=None,
        description="Names of the classes in the order of the model's output, one for each class; for more "
        "than 1000 use labelsFile. An empty name is a class without one. Default: those of inference.yml "
        "beside the model; without it only class numbers.",
    )
    labels_file: Annotated[str, Field(max_length=255)] | None = Field(
        default=None,
        description="File inside the model folder with one class name per line, one for each class. "
        "Default: none.",
    )
    top_k: Count = Field(default=5, description="How many best classes an answer lists.")
    resize: Literal["Crop", "Stretch", "Pad"] = Field(
        default="Crop",
        description="How a picture gets the size of the model's input. Crop: shorter side to size/0.875, "
        "then the centre. Stretch: both sides, ratio lost. Pad: fit in, zeros right and below.",
    )
    resize_short: Side | None = Field(
        default=None,
        description="Pixels of the shorter side before the centre is cut out; only with resize Crop. "
        "Default: the input's size divided by 0.875.",
    )
    interpolation: Literal["Nearest", "Linear", "Cubic", "Area", "Lanczos"] = Field(
        default="Linear", description="How pixels are made where a picture changes its size."
    )
    antialias: Annotated[bool, Field(strict=True)] = Field(
        default=False,
        description="Whether every pixel has its part in a picture that gets smaller, as Pillow computes it; "
        "else as OpenCV does.",
    )
    channel_order: Literal["RGB", "BGR"] = Field(
        default="RGB", description="Order of the colour channels in the model's input."
    )
    mean: Channels = Field(
        default=(0.485, 0.456, 0.406),
        description="Per channel, subtracted from values in 0..1. Default: 0.485, 0.456, 0.406 (ImageNet).",
    )
    std: Divisors = Field(
        default=(0.229, 0.224, 0.225),
        description="Per channel, divides after mean. Default: 0.229, 0.224, 0.225 (ImageNet).",
    )
    activation: Literal["Auto", "None", "Softmax", "Sigmoid"] = Field(
        default="Auto",
        description="What turns the model's outputs into scores. Auto: what the warm-up shows; outputs that "
        "always lie in 0..1, such as those of a softmax or of sigmoids, are scores already, others get a "
        "softmax, or with a threshold a sigmoid. None: they are scores. Softmax: of one class for each "
        "picture. Sigmoid: of any number of classes.",
    )
    threshold: Share | None = Field(
        default=None,
        description="For a model whose classes do not exclude each other: an answer lists all classes with "
        "at least this score, however many, in place of the topK best ones. Default: none.",
    )
    output: Annotated[str, Field(min_length=1, max_length=255)] | None = Field(
        default=None,
        description="Name of the output with the scores; only for a model with several outputs, which "
        "`paddlemodel-server inspect` lists. Default: the only output.",
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
            cel="!(has(self.topK) && has(self.threshold))",
            holds=lambda task: task.threshold is None or "top_k" not in task.model_fields_set,
            message="spec.task.imageClassification.topK and threshold exclude each other: keep one",
        ),
        Rule(
            cel="!has(self.resizeShort) || !has(self.resize) || self.resize == 'Crop'",
            holds=lambda task: task.resize_short is None or task.resize == "Crop",
            message="spec.task.imageClassification.resizeShort needs resize Crop: remove one of them",
            field="resize_short",
        ),
        Rule(
            cel="!(has(self.labels) && has(self.labelsFile))",
            holds=lambda task: task.labels is None or task.labels_file is None,
            message="spec.task.imageClassification.labels and labelsFile exclude each other: keep one",
        ),
        matches(
            "labels_file",
            r"[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*",
            "spec.task.imageClassification.labelsFile must be a plain relative path inside the model folder, "
            "such as labels.txt",
        ),
    )
