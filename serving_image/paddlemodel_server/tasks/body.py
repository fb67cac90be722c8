"""What tasks share whose request is one thing of a form of its own, such as a picture, answered in JSON.

Such a task says which Content-Types it takes, how a body becomes arrays, and what the outputs mean; the rest
of `protocol.served.Task` is here. `POST /v2/…` and `/v1/…` go on taking tensors.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from paddlemodel_server.errors import UnsupportedMediaTypeError
from paddlemodel_server.protocol import JSON, Array, Head, Headers, Request, Response, as_json, content, forms
from paddlemodel_server.protocol.served import Accepted, Served, WarmUp


class WholeBody(ABC):
    """A task whose whole body is one thing."""

    routes: ClassVar[tuple[str, ...]] = ()
    answers: ClassVar[tuple[str, ...]] = (JSON,)
    """The media types that `render` can give, in the order of preference where Accept has none."""

    @property
    def warm_up(self) -> WarmUp:
        """Nothing, unless the task decides shapes, looks at scores, or has outputs reduced."""
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
    def request(self, body: bytes) -> Request:
        """Turn a body into the model's arrays, and what the answer needs of it; in a thread.

        Raises:
            ServingError: the body is not what the task takes.
        """

    @abstractmethod
    def result(self, served: Served, request: Request, outputs: Sequence[Array]) -> dict[str, Any]:
        """Turn the outputs, or what the reduction leaves of them, into the content of a JSON answer."""

    def accepts(self, served: Served, route: str, headers: Headers) -> Accepted:
        """Refuse other media types, and the headers that belong to tensors."""
        del served, route
        if not self.takes(content.media_type(headers)):
            raise UnsupportedMediaTypeError(self.taken)
        forms.refuse_tensor_headers(headers)
        return Accepted(form=forms.BODY, media=content.chosen(headers, self.answers))

    def parse(self, served: Served, head: Head, body: bytes) -> Request:
        """Turn the inflated body into the model's arrays."""
        del served, head
        request = self.request(body)
        request.reduced = self.warm_up.reduction is not None
        return request

    def render(self, served: Served, request: Request, outputs: Sequence[Array]) -> Response:
        """The answer, and which model gave it."""
        return as_json(self.result(served, request, outputs) | {"model": served.name})


class BodyTask(WholeBody, ABC):
    """One whose answer needs nothing of the request but the outputs."""

    @abstractmethod
    def arrays(self, body: bytes) -> list[Array]:
        """Turn a body into one array for each input, in the model's order; in a thread.

        Raises:
            ServingError: the body is not what the task takes.
        """

    @abstractmethod
    def answer(self, served: Served, outputs: Sequence[Array]) -> dict[str, Any]:
        """Turn the outputs, or what the reduction leaves of them, into the content of a JSON answer."""

    def request(self, body: bytes) -> Request:
        """The arrays alone."""
        return Request(arrays=self.arrays(body))

    def result(self, served: Served, request: Request, outputs: Sequence[Array]) -> dict[str, Any]:
        """As `answer` says."""
        del request
        return self.answer(served, outputs)
