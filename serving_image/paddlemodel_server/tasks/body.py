"""What tasks share whose request is one thing of a form of its own, such as a picture, answered in JSON.

Such a task says which Content-Types it takes, how a body becomes arrays, and what the outputs mean; the rest
of `protocol.served.Task` is here. `POST /v2/…` and `/v1/…` go on taking tensors.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from paddlemodel_server.errors import UnsupportedMediaTypeError
from paddlemodel_server.protocol import JSON, Array, Head, Headers, Request, Response, as_json, content, forms
from paddlemodel_server.protocol.raw import SHAPE_HEADER
from paddlemodel_server.protocol.served import Accepted, Served, WarmUp


class BodyTask(ABC):
    """A task whose whole body is one thing."""

    routes: ClassVar[tuple[str, ...]] = ()

    @property
    def warm_up(self) -> WarmUp:
        """Nothing, unless the task decides shapes or looks at scores."""
        return WarmUp()

    def load(self) -> None:  # noqa: B027 - most tasks have nothing to load
        """Nothing, unless parsing needs a library that fitting does not."""

    @abstractmethod
    def takes(self, kind: str) -> bool:
        """Whether a body of this media type is taken; "" where none is named."""

    @property
    @abstractmethod
    def taken(self) -> str:
        """The refusal of all other media types, and the cure, as a sentence."""

    @abstractmethod
    def arrays(self, body: bytes) -> list[Array]:
        """Turn a body into one array for each input, in the model's order; in a thread.

        Raises:
            ServingError: the body is not what the task takes.
        """

    @abstractmethod
    def answer(self, served: Served, outputs: Sequence[Array]) -> dict[str, Any]:
        """Turn the outputs into the content of a JSON answer."""

    def accepts(self, served: Served, route: str, headers: Headers) -> Accepted:
        """Refuse other media types, and the headers that belong to tensors."""
        del served, route
        if not self.takes(content.media_type(headers)):
            raise UnsupportedMediaTypeError(self.taken)
        if content.JSON_SIZE_HEADER in headers:
            raise forms.misplaced_size()
        if SHAPE_HEADER in headers:
            raise forms.misplaced_shape()
        return Accepted(form=forms.BODY, media=content.chosen(headers, (JSON,)))

    def parse(self, served: Served, head: Head, body: bytes) -> Request:
        """Turn the inflated body into the model's arrays."""
        del served, head
        return Request(arrays=self.arrays(body), reduced=self.warm_up.reduction is not None)

    def render(self, served: Served, request: Request, outputs: Sequence[Array]) -> Response:
        """The answer, and which model gave it."""
        del request
        return as_json(self.answer(served, outputs) | {"model": served.name})
