"""The task itself: fits its models, takes a page, says which of them runs next; `load` brings OpenCV."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from paddlemodel_server.errors import StartError
from paddlemodel_server.protocol import Array, Request
from paddlemodel_server.protocol.request import Expected
from paddlemodel_server.protocol.served import Description, Place, Served, Shapes, WarmUp
from paddlemodel_server.protocol.task.stages import StageRequest
from paddlemodel_server.tasks.images.headers import most_pixels
from paddlemodel_server.tasks.images.task import PictureTask, decoding
from paddlemodel_server.tasks.ocr import documents
from paddlemodel_server.tasks.ocr.page import Page
from paddlemodel_server.tasks.outputs import misfit
from paddlemodel_server.tasks.text_detection.task import TextDetection
from paddlemodel_server.tasks.text_line_orientation.task import TextLineOrientation
from paddlemodel_server.tasks.text_recognition.task import TextRecognition

if TYPE_CHECKING:
    from paddlemodel_api.tasks import Ocr as Spec

RECOGNITION, ORIENTATION = "recognition", "orientation"
MODELS: dict[str, tuple[str, str]] = {
    "detection": (TextDetection.name, ""),
    "reading": (TextRecognition.name, RECOGNITION),
    "turning": (TextLineOrientation.name, ORIENTATION),
}
"""The fields that are tasks of their own: of which task they are, and of which model; "" is spec.model."""


def _check_names(given: Collection[str]) -> None:
    """Refuse folders of models that the task has not, and a missing one."""
    names = (RECOGNITION, ORIENTATION)
    unknown = [name for name in given if name not in names]
    if RECOGNITION not in given or unknown:
        found = f"names {', '.join(given) or 'none'}"
        raise StartError(
            "InvalidSettings",
            f"The task ocr needs a folder for the model recognition and may have one for orientation, and "
            f'PADDLEMODEL_FURTHER_MODELS {found}; set it to JSON such as {{"recognition": "FOLDER"}}.',
        )


@contextmanager
def _named(block: str) -> Iterator[None]:
    """Tell which of the models does not fit."""
    task, model = MODELS[block]
    try:
        yield
    except StartError as error:
        message = error.message.replace(f"spec.task.{task}", f"spec.task.ocr.{block}")
        whose = f"spec.task.ocr.{model}" if model else "spec.model"
        raise StartError(error.reason, f"Of the task ocr, {whose}: {message}") from None


class Ocr(PictureTask):
    """A page in, its lines out: found by one model, turned by another one, read by a third."""

    name: ClassVar[str] = "ocr"
    usage: ClassVar[str] = "page.jpg        a page, for the task ocr"

    def __init__(self, spec: "Spec", place: Place) -> None:
        self.spec = spec
        _check_names(place.further)
        reader, turner = place.further[RECOGNITION], place.further.get(ORIENTATION)
        with _named("detection"):
            self.detection = TextDetection(spec.detection, place)
        with _named("reading"):
            self.reading = TextRecognition(spec.reading, reader)
        self.turning = None
        if turner:
            with _named("turning"):
                self.turning = TextLineOrientation(spec.turning, turner)
        self.map = Expected(place.model.outputs[self.detection.output])
        if turner and self.turning:
            self.angles = Expected(turner.model.outputs[self.turning.output])
        parts = (self.detection, self.reading, self.turning)
        grey = [part.name for part in parts if part and part.input.channels != 3]
        if grey:
            raise misfit(
                self.name,
                f"takes models of coloured pictures, and that for {grey[0]} has one channel",
                "use models with three channels, such as PP-OCR's",
            )
        self.most_pixels = most_pixels(place.body_bytes)

    @classmethod
    def fit(cls, spec: "Spec", place: Place) -> "Ocr":
        """Compare each model with what it is for."""
        return cls(spec, place)

    @property
    def warm_up(self) -> WarmUp:
        """That of the detector alone."""
        return self.detection.warm_up

    @property
    def further(self) -> Mapping[str, WarmUp]:
        """Those of the models that read and turn."""
        found = {RECOGNITION: self.reading.warm_up}
        return found | ({ORIENTATION: self.turning.warm_up} if self.turning else {})

    def load(self) -> None:
        """Import OpenCV and pyclipper before the first page."""
        for part in (self.detection, self.reading):
            part.load()
        from paddlemodel_server.tasks.ocr import crops  # noqa: F401, PLC0415 - OpenCV: not for the supervisor

    def request(self, body: bytes) -> Request:
        """Decode a page, which is kept until it is read, and scale it as the detector wants it."""
        with decoding().decoded(body, self.most_pixels) as pixels:
            array = self.detection.array(pixels)
        page = Page(pixels)
        return StageRequest(arrays=[array], stage="detection", held=page.bytes, kept=page)

    def next(self, request: StageRequest, outputs: Sequence[Array]) -> StageRequest | None:
        """After the lines are found, some of them at a time are turned and read."""
        page: Page = request.kept
        if request.stage == "detection":
            page.find(self.detection.lines(outputs, self.map, page.size))
        elif request.stage == ORIENTATION and self.turning:
            width = len(outputs) // len(page.crops)  # outputs of the model, also those that nobody reads
            parts = [outputs[at : at + width] for at in range(0, len(outputs), width)]
            page.turn([self.turning.angle(part, self.angles)[0] for part in parts])
            return self._read(request)
        else:
            page.texts += [self.reading.text(outputs[at : at + 2]) for at in range(0, len(outputs), 2)]
        if not page.cut_next():
            return None
        if self.turning is None:
            return self._read(request)
        arrays = [self.turning.array(crop) for crop in page.crops]
        return self._stage(request, ORIENTATION, 2, arrays)

    def _read(self, request: StageRequest) -> StageRequest:
        arrays = [self.reading.array(crop) for crop in request.kept.crops]
        return self._stage(request, RECOGNITION, 1, arrays, reduced=True)

    def _stage(
        self, before: StageRequest, stage: str, model: int, arrays: list[Array], *, reduced: bool = False
    ) -> StageRequest:
        return StageRequest(
            arrays=[],
            parts=[[array] for array in arrays],
            stage=stage,
            model=model,
            reduced=reduced,
            held=before.kept.bytes,
            kept=before.kept,
            media=before.media,
        )

    def result(self, served: Served, request: Request, outputs: Sequence[Array]) -> dict[str, Any]:
        """The lines that were read well enough, and all of the text."""
        del served, outputs
        page: Page = request.kept
        least = self.spec.score_threshold
        lines = [
            {"text": text, "score": score, "box": line.box}
            for line, (text, score) in zip(page.lines, page.texts, strict=True)
            if score is None or score >= least
        ]
        height, width = page.size
        return {
            "lines": lines,
            "text": "\n".join(str(line["text"]) for line in lines),
            "width": width,
            "height": height,
        }

    def describe(self, served: Served, proven: Shapes | None) -> Description:
        """The documents of `POST /predict`; they do not depend on shapes."""
        del proven
        return documents.describe(served.name)
