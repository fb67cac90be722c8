"""What a model is served for (`spec.task`): exactly one member, as each volume of a pod has one source.

Each member's fields stand in a file of their own beside this one. To add a task, write its file and add one
member here: the rules for the API server and for Python follow from the members.
"""

import json
from typing import Any, ClassVar, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from paddlemodel_api.base import OneOf
from paddlemodel_api.source import Place
from paddlemodel_api.tasks.auto import Auto
from paddlemodel_api.tasks.custom import Custom
from paddlemodel_api.tasks.pictures.image_classification import ImageClassification
from paddlemodel_api.tasks.pictures.object_detection import ObjectDetection
from paddlemodel_api.tasks.pictures.ocr import Ocr
from paddlemodel_api.tasks.pictures.semantic_segmentation import SemanticSegmentation
from paddlemodel_api.tasks.pictures.table_structure import TableStructure
from paddlemodel_api.tasks.pictures.text_detection import TextDetection
from paddlemodel_api.tasks.pictures.text_line_orientation import TextLineOrientation
from paddlemodel_api.tasks.pictures.text_recognition import TextRecognition
from paddlemodel_api.tasks.sound.audio_classification import AudioClassification
from paddlemodel_api.tasks.sound.speech_recognition import SpeechRecognition
from paddlemodel_api.tasks.tensors import Tensors
from paddlemodel_api.tasks.text_classification import TextClassification
from paddlemodel_api.tasks.text_embedding import TextEmbedding
from paddlemodel_api.tasks.token_classification import TokenClassification

__all__ = [
    "AudioClassification",
    "Auto",
    "Custom",
    "ImageClassification",
    "ObjectDetection",
    "Ocr",
    "SemanticSegmentation",
    "SpeechRecognition",
    "TableStructure",
    "Task",
    "Tensors",
    "TextClassification",
    "TextDetection",
    "TextEmbedding",
    "TextLineOrientation",
    "TextRecognition",
    "TokenClassification",
]


class Task(OneOf):
    """What POST /predict takes and answers; the routes of the protocols take tensors whatever stands here."""

    place: ClassVar[str] = "spec.task"
    auto: Auto | None = Field(
        default=None,
        description="What the export ships beside the model decides: inference.yml of PaddleX and "
        "PaddleClas, infer_cfg.yml of PaddleDetection, deploy.yaml of PaddleSeg, a tokenizer with its "
        "config.json; tensors where there is none of these. A task that is named reads them too, for fields "
        "that are not set. Default: this, where there is no spec.task.",
    )
    tensors: Tensors | None = Field(
        default=None,
        description="Tensors in and out: JSON of the Open Inference Protocol, or one raw or .npy tensor. "
        "Default: what auto comes to where it finds nothing.",
    )
    image_classification: ImageClassification | None = Field(
        default=None,
        description="The bytes of a picture in; class, label and score out. The model has one input for "
        "pictures and one output with a score for each class.",
    )
    object_detection: ObjectDetection | None = Field(
        default=None,
        description="The bytes of a picture in; objects with label, score and box out, in pixels of the "
        "picture. The model is a detector as PaddleDetection exports it: PP-YOLOE, PicoDet, RT-DETR and "
        "others.",
    )
    semantic_segmentation: SemanticSegmentation | None = Field(
        default=None,
        description="The bytes of a picture in; the class of each of its pixels out, as a mask. The model "
        "has one input for pictures and an output with a class, or scores of classes, for each pixel, as "
        "PaddleSeg exports it.",
    )
    text_embedding: TextEmbedding | None = Field(
        default=None,
        description="Texts in, a vector for each out, also at /v1/embeddings as OpenAI's clients ask for "
        "it. The model has an input for token ids; its tokenizer.json, or vocab.txt, is beside it.",
    )
    text_classification: TextClassification | None = Field(
        default=None,
        description="Texts, or pairs of them, in; class, label and score out. The model has an input for "
        "token ids and one output with a score for each class; its tokenizer is beside it.",
    )
    token_classification: TokenClassification | None = Field(
        default=None,
        description="Texts in; entities, or words, with label and place out. The model has an input for "
        "token ids and one output with a label, or scores of labels, for each token; its tokenizer is "
        "beside it.",
    )
    audio_classification: AudioClassification | None = Field(
        default=None,
        description="The bytes of a sound in (WAV, FLAC, Ogg or MP3); class, label and score out. The model "
        "has one input for the sound and one output with a score for each class.",
    )
    speech_recognition: SpeechRecognition | None = Field(
        default=None,
        description="The bytes of a sound in (WAV, FLAC, Ogg or MP3); what is said in it out. The model has "
        "an output with a score for each token at each step, trained with CTC; its vocabulary is beside it.",
    )
    custom: Custom | None = Field(
        default=None,
        description="Any body in, any answer out, by Python code that lies beside the model: handler.py with "
        "preprocess and postprocess. Only where the chart's value customTasks.allowed is true.",
    )
    text_detection: TextDetection | None = Field(
        default=None,
        description="The bytes of a picture in; a polygon and a score for each line of text out. The model "
        "has one input for pictures and an output with a map of scores, as PP-OCR's for text detection.",
    )
    text_recognition: TextRecognition | None = Field(
        default=None,
        description="The bytes of a picture of one line of text in; text and score out. The model has one "
        "input for pictures and an output with scores of classes for each step, as PP-OCR's for recognition.",
    )
    text_line_orientation: TextLineOrientation | None = Field(
        default=None,
        description="The bytes of a picture in; out by how many degrees it is turned, 0 or 180, or 0, 90, "
        "180 or 270. The model has one input for pictures and one output with two or four scores.",
    )
    table_structure: TableStructure | None = Field(
        default=None,
        description="The bytes of a picture of a table in; its structure out, as HTML with empty cells, and "
        "the corners of each cell. The model is one of SLANet's family, as PaddleOCR exports it.",
    )
    ocr: Ocr | None = Field(
        default=None,
        description="The bytes of a picture of a page in; its text out, line by line, each with polygon and "
        "score. spec.model finds lines, as for textDetection; further models in the same pod read them.",
    )

    @property
    def further_models(self) -> dict[str, Place]:
        """The models that it needs beside spec.model, by the names of their fields; most tasks need none."""
        return self.ocr.further_models if self.ocr is not None else {}

    def with_addresses(self, uris: dict[str, str]) -> Self:
        """The same task with these addresses for its further models, and nothing else of theirs.

        Args:
            uris: by the names of `further_models`, one for each.
        """
        if self.ocr is None:
            return self
        places = {name: type(place)(uri=uris[name]) for name, place in self.further_models.items()}
        return self.model_copy(update={"ocr": self.ocr.model_copy(update=places)})

    @classmethod
    def default(cls) -> Self:
        """The task of a spec that names none."""
        return cls(auto=Auto())

    @model_validator(mode="before")
    @classmethod
    def _has_no_type(cls, given: Any) -> Any:
        """Say how a task is written to who knows it from resources that have a type."""
        if isinstance(given, dict) and "type" in given:
            example = json.dumps({"imageClassification": {}}).replace('"', "")
            message = (
                f"{cls.place}.type is not a field: name the task by its member, such as {example} "
                f"(one of {', '.join(cls.members())})"
            )
            raise PydanticCustomError("rule", "{message}", {"message": message})
        return given
