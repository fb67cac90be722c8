"""The examples of the tasks for pictures: small models of the same contract, and pictures that they know."""

import io
from base64 import b64decode
from typing import Any

import numpy as np
from PIL import Image

from devcluster.paths import REPOSITORY
from tests.cluster.examples.asking import Answer, Asked, Example, first_alone
from tests.models import text_line, trained_model
from tests.serving_image.support.models.trained_masks import masked, segmentation
from tests.serving_image.support.models.trained_shapes import drawn, encoded, shapes
from tests.serving_image.support.models.trained_tables import table, tables_model


def _turn(asked: Asked) -> Answer:
    found = [asked.post(text_line(upside_down=turned)) for turned in (False, True)]
    assert [one["angle"] for one in found] == [0, 180]
    return found


def _class(asked: Asked) -> Answer:
    found = [asked.post(text_line(upside_down=turned)) for turned in (False, True)]
    assert [one["label"] for one in found] == ["0", "180"]
    return found


def _objects(asked: Asked) -> Answer:
    picture, there = drawn(80_004)
    found = asked.post(encoded(picture))
    assert sorted(one["class_id"] for one in found["objects"]) == sorted(kind for kind, _ in there)
    return found


def _mask(asked: Asked) -> Answer:
    picture, truth = masked(80_005)
    found = asked.post(encoded(picture))
    alone = asked.post(encoded(picture), accept="image/png")
    assert b64decode(found.pop("mask")) == alone
    assert (np.asarray(Image.open(io.BytesIO(alone))) == truth).mean() > 0.97
    return found


def _page() -> bytes:
    return (REPOSITORY / "examples" / "page.png").read_bytes()


def _lines(asked: Asked) -> Answer:
    found = asked.post(_page())
    assert len(found["lines"]) == 4
    return found


def _line(asked: Asked) -> Answer:
    found = asked.post(text_line(text="Invoice 2026-117"))
    assert found["text"] == "Invoice 2026-117"
    return found


def _text(asked: Asked) -> Answer:
    found: dict[str, Any] = asked.post(_page())
    assert found["text"].startswith("Invoice 2026-117\nThree models, served for one month\n")
    return found


def _table(asked: Asked) -> Answer:
    found = asked.post(table(7))
    assert found["html"].startswith('<table><tr><td colspan="2"></td></tr><tr><td></td><td></td></tr>')
    return found


EXAMPLES = {
    "cpu-image-classification.yaml": Example(
        models=first_alone(lambda: trained_model("textline-orientation")), ask=_class
    ),
    "text-line-orientation.yaml": Example(
        models=first_alone(lambda: trained_model("textline-orientation")), ask=_turn
    ),
    "object-detection.yaml": Example(models=first_alone(lambda: shapes("ppyoloe")), ask=_objects),
    "semantic-segmentation.yaml": Example(models=first_alone(lambda: segmentation("argmax")), ask=_mask),
    "text-detection.yaml": Example(models=first_alone(lambda: trained_model("character-det")), ask=_lines),
    "text-recognition.yaml": Example(models=first_alone(lambda: trained_model("character-rec")), ask=_line),
    "table-structure.yaml": Example(models=first_alone(tables_model), ask=_table),
    "ocr.yaml": Example(
        models=lambda: {"": trained_model("character-det"), "recognition": trained_model("character-rec")},
        ask=_text,
    ),
}
