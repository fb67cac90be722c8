"""Recorded requests that a new pod must answer as recorded before it gets traffic (`spec.verification`)."""

from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from paddlemodel_api.base import Block, Name, OneOf, Rule, matches

NUMBER: Final = r"[0-9]{1,9}(?:\.[0-9]{1,12})?(?:[eE]-?[0-9]{1,2})?"
Number = Annotated[str, Field(max_length=32)]
"""A decimal as text: the API server's floats do not survive every client."""


class RecordingMap(Block):
    """A ConfigMap of the model's namespace."""

    name: Name = Field(description="Its name. Make it immutable: what changes in it reaches new pods only.")
    key: Annotated[str, Field(min_length=1, max_length=253)] = Field(
        default="verify.jsonl",
        description="The key of binaryData or data; compressed if it ends in .gz. Default: verify.jsonl.",
    )
    rules: ClassVar = (
        matches(
            "key",
            r"[A-Za-z0-9][A-Za-z0-9._-]*",
            "spec.verification.recording.configMap.key holds letters, digits and . _ -: name a key of the "
            "ConfigMap",
        ),
    )


class Recording(OneOf):
    """Where the recorded requests are: lines of a request with its response, of V2 or of the task."""

    place: ClassVar[str] = "spec.verification.recording"
    from_model: Annotated[str, Field(max_length=128)] | None = Field(
        default=None,
        description="A file in the model's folder, such as verify.jsonl.gz: it has the model's digest and "
        "changes with it. Default: none.",
    )
    config_map: RecordingMap | None = Field(
        default=None,
        description="A ConfigMap, of 1 MiB at most and never with personal data. Default: none.",
    )


Recording.rules = (
    *Recording.rules,
    matches(
        "from_model",
        r"verify[A-Za-z0-9._-]*\.jsonl(?:\.gz)?",
        "spec.verification.recording.fromModel is a name such as verify.jsonl.gz: it begins with verify, "
        "ends in .jsonl or .jsonl.gz, and lies beside the program",
    ),
)


def _numbers(place: str) -> tuple[Rule, ...]:
    return tuple(
        matches(
            field,
            NUMBER,
            f"spec.verification.{place}{field} is a number as text, such as '1e-3': write it in quotes, and "
            "not negative",
        )
        for field in ("relative", "absolute")
    )


class Tolerance(Block):
    """A float agrees with the recorded one if it is within absolute + relative * |recorded|."""

    relative: Number | None = Field(
        default=None,
        description="As a part of the recorded number. Default: 1e-3; 1e-2 with FP16, BF16 or TensorRT.",
    )
    absolute: Number | None = Field(
        default=None, description="Default: 1e-4; 1e-3 with FP16, BF16 or TensorRT."
    )
    rules: ClassVar = _numbers("tolerance.")


class Output(Block):
    """How one output of the model, or one field of its task's answer, is compared."""

    name: Annotated[str, Field(min_length=1, max_length=253)] = Field(
        description="The output's name, or the field's, such as lines."
    )
    compare: Literal["Values", "TopK", "Text"] = Field(
        default="Values",
        description="Values: every number within the tolerance. TopK: the k largest values of each row, "
        "along the last dimension, are at the same places. Text, of a field: all texts in it are the same, "
        "and nothing else in it counts.",
    )
    k: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        default=None, description="How many, with compare TopK. Default: none."
    )
    relative: Number | None = Field(
        default=None,
        description="Default: tolerance.relative. With compare Text the part of the characters that may be "
        "others, by default none.",
    )
    absolute: Number | None = Field(default=None, description="Default: tolerance.absolute.")
    rules: ClassVar = (
        Rule(
            cel="(has(self.compare) && self.compare == 'TopK') == has(self.k)",
            holds=lambda output: (output.compare == "TopK") == (output.k is not None),
            message="spec.verification.outputs with compare TopK needs k, and k needs compare TopK: set "
            "both, or neither",
            field="k",
        ),
        Rule(
            cel="!has(self.k) || (!has(self.relative) && !has(self.absolute))",
            holds=lambda output: output.k is None or (output.relative is None and output.absolute is None),
            message="spec.verification.outputs with compare TopK compares places, not values: remove "
            "relative and absolute",
            field="k",
        ),
        Rule(
            cel="!has(self.compare) || self.compare != 'Text' || !has(self.absolute)",
            holds=lambda output: output.compare != "Text" or output.absolute is None,
            message="spec.verification.outputs with compare Text counts characters: remove absolute; "
            "relative is the part of them that may be others",
            field="absolute",
        ),
        *_numbers("outputs."),
    )


class Verification(Block):
    """A pod that answers the recorded requests otherwise never gets traffic."""

    recording: Recording = Field(description="The requests and their answers; exactly one of the following.")
    tolerance: Tolerance = Field(default_factory=Tolerance, description="How far a float may be off.")
    outputs: Annotated[tuple[Output, ...], Field(max_length=64)] = Field(
        default=(), description="Outputs that are compared in another way. Default: all by their values."
    )
    min_agreement_percent: Annotated[int, Field(ge=1, le=100)] = Field(
        default=100, description="How many of the requests must be answered as recorded."
    )
    max_seconds: Annotated[int, Field(ge=1, le=3600)] = Field(
        default=60, description="How long all of it may take in a pod; longer is a failure."
    )
