"""What tasks have in common that take one picture and answer JSON: its files, and which bodies are taken."""

from abc import ABC
from collections.abc import Mapping
from typing import ClassVar

from paddlemodel_server.protocol import OCTETS
from paddlemodel_server.tasks.body import BodyTask

FILES = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".bmp": "image/bmp",
}
MEDIA = tuple(dict.fromkeys(FILES.values()))
BODIES = (*MEDIA, OCTETS)
SENDING = (
    "The body is the file as it is: `curl --data-binary @image.jpg`. "
    "Without a Content-Type, or with another one, the bytes decide."
)


class PictureTask(BodyTask, ABC):
    """One picture in."""

    files: ClassVar[Mapping[str, str]] = FILES

    def takes(self, kind: str) -> bool:
        """Anything but what clearly is no picture: the bytes decide, as curl names no type of its own."""
        return kind != "application/json" and not kind.startswith("multipart/")

    @property
    def taken(self) -> str:
        """The refusal of a body that is no picture."""
        return (
            "This model takes the bytes of one image; send the file as it is: curl --data-binary @image.jpg."
        )
