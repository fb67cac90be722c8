"""What tasks have in common that take one picture and answer JSON: its files, and which bodies are taken."""

from abc import ABC
from collections.abc import Mapping
from types import ModuleType
from typing import ClassVar

from paddlemodel_server.protocol import OCTETS
from paddlemodel_server.tasks.body import WholeBody

FILES = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".bmp": "image/bmp",
}
MEDIA = tuple(dict.fromkeys(FILES.values()))
BODIES = (*MEDIA, OCTETS)
LINE_USAGE = "line.png        a line of text, for the tasks textRecognition and textLineOrientation"
SENDING = (
    "The body is the file as it is: `curl --data-binary @image.jpg`. "
    "Without a Content-Type, or with another one, the bytes decide."
)


class PictureTask(WholeBody, ABC):
    """One picture in."""

    files: ClassVar[Mapping[str, str]] = FILES

    def load(self) -> None:
        """Import OpenCV before the first picture, since that takes a good part of a second."""
        decoding()

    def takes(self, kind: str) -> bool:
        """Anything but what clearly is no picture: the bytes decide, as curl names no type of its own."""
        return kind != "application/json" and not kind.startswith("multipart/")

    @property
    def taken(self) -> str:
        """The refusal of a body that is no picture."""
        return (
            "This model takes the bytes of one image; send the file as it is: curl --data-binary @image.jpg."
        )


def decoding() -> ModuleType:
    """The door to OpenCV, which the supervisor does without."""
    from paddlemodel_server.tasks.images import decoding as found  # noqa: PLC0415 - see above

    return found
