"""The part of the tables of specs that is about pages of text; specs.py puts it beside the others."""

from typing import Any

from tests.operator.support.builders import DIGEST, URI, spec
from tests.operator.support.source_specs import COMMIT, S3, Refused

READER = {"uri": "https://models.example.com/rec.tar"}


def of_page(source: dict[str, Any] | None = None, recognition: Any = None, **fields: Any) -> dict[str, Any]:
    """A model that reads pages, with these fields of `spec.model` and of the task."""
    task = {"recognition": {**READER, **(recognition or {})}, **fields}
    return spec(model={"uri": URI, **(source or {})}, task={"ocr": task})


RULES = (
    Refused(
        "a reader from nowhere",
        of_page(recognition={"uri": "ftp://a.example.com/m.tar"}),
        "spec.task.ocr.recognition.uri must be http(s)://HOST/",
    ),
    Refused(
        "a reader with a short digest",
        of_page(recognition={"digest": "sha256:abc"}),
        "spec.task.ocr.recognition.digest must be 'sha256:'",
    ),
    Refused(
        "a reader's credentials for a claim",
        of_page(recognition={"uri": "pvc://store/m", "credentials": {"secretName": "s"}}),
        "spec.task.ocr.recognition.credentials has no use for pvc:// and file://: remove it",
    ),
    Refused(
        "a password in a reader's endpoint",
        of_page(recognition={"uri": S3, "store": {"endpoint": "http://me:secret@minio.ml.svc"}}),
        "spec.task.ocr.recognition.store.endpoint must be http(s)://HOST",
    ),
    Refused(
        "a region of a hub",
        of_page(orientation={"uri": "hf://a/b", "store": {"region": "eu"}}),
        "spec.task.ocr.orientation.store.region and addressing are for s3:// only",
    ),
    Refused(
        "a reader's odd dictionary",
        of_page(reading={"dictionaryFile": "../a.txt"}),
        "spec.task.ocr.reading.dictionaryFile must be a plain relative path",
    ),
    Refused(
        "turns that no model tells",
        of_page(turning={"resize": "Pad"}),
        "spec.task.ocr.turning is for the model of spec.task.ocr.orientation, which is not set",
    ),
    Refused(
        "new content beside a reader's pin",
        of_page({"updatePolicy": "Auto"}, {"digest": DIGEST}),
        "Auto and spec.task.ocr.recognition.digest contradict each other",
    ),
    Refused(
        "new content beside a pin of turns",
        of_page({"updatePolicy": "Auto"}, orientation={**READER, "digest": DIGEST}),
        "Auto and spec.task.ocr.orientation.digest contradict each other",
    ),
)

TYPES = (
    Refused("a page without a reader", spec(task={"ocr": {}}), "spec.task.ocr.recognition"),
    Refused("a reader without an address", spec(task={"ocr": {"recognition": {}}}), "ocr.recognition.uri"),
    Refused("a line's score beyond one", of_page(scoreThreshold=2), "spec.task.ocr.scoreThreshold"),
    Refused("a page's odd limit", of_page(detection={"limitType": "None"}), "ocr.detection.limitType"),
)

UNKNOWN = (
    Refused(
        "a policy of a reader's own",
        of_page(recognition={"updatePolicy": "Auto"}),
        "task.ocr.recognition.updatePolicy",
    ),
    Refused(
        "a cache of a reader's own",
        of_page(recognition={"cache": {"claimName": "c"}}),
        "task.ocr.recognition.cache",
    ),
)

ACCEPTED: dict[str, dict[str, Any]] = {
    "a page": of_page(),
    "a page with everything": of_page(
        {"cache": {"claimName": "models"}, "updatePolicy": "Notify", "credentials": {"secretName": "web"}},
        {"digest": DIGEST, "credentials": {"secretName": "web"}},
        orientation={
            "uri": S3,
            "credentials": {"secretName": "s3"},
            "store": {"endpoint": "http://minio.ml.svc:9000", "region": "eu-1", "addressing": "Path"},
        },
        detection={"limitType": "Max", "limitSide": 960},
        reading={"dictionaryFile": "keys.txt", "widthStep": 1},
        turning={"resize": "Pad", "mean": [0.5, 0.5, 0.5]},
        scoreThreshold=0.5,
    ),
    "news of a page, whose reader never changes": of_page(
        {"updatePolicy": "Auto"}, {"uri": f"hf://a/b@{COMMIT}"}, orientation={"uri": "pvc://store/m"}
    ),
}
