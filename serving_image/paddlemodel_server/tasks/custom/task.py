"""The task itself: any body in, whatever the handler answers out, in the HTTP worker's threads."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from paddlemodel_server.describe import answers
from paddlemodel_server.describe.schemas import BINARY
from paddlemodel_server.errors import StartError
from paddlemodel_server.protocol import Array, Head, Headers, Request, Response, content, forms, tensors
from paddlemodel_server.protocol.served import (
    Accepted,
    Call,
    Description,
    Place,
    Served,
    Shapes,
    Upload,
    WarmUp,
)
from paddlemodel_server.tasks.custom import exchange, handler

if TYPE_CHECKING:
    from paddlemodel_api.tasks import Custom as Spec


class Custom:
    """The model's own code beside it."""

    name: ClassVar[str] = "custom"
    files: ClassVar[Mapping[str, str]] = {}
    usage: ClassVar[str] = ""
    routes: ClassVar[tuple[str, ...]] = ()

    def __init__(self, spec: "Spec", place: Place) -> None:
        self.spec = spec
        self._folder = place.folder
        self._functions: dict[str, Any] = {}

    @classmethod
    def fit(cls, spec: "Spec", place: Place) -> "Custom":
        """See that it is allowed and there; it is not run yet, least of all in the supervisor."""
        if not place.custom:
            raise StartError(
                "CustomTasksNotAllowed",
                "The task custom runs code that lies beside the model, which is not allowed here: set the "
                "chart's value customTasks.allowed (PADDLEMODEL_CUSTOM_TASKS=true without an operator), or "
                "use another task.",
            )
        if not (place.folder / handler.FILE).is_file():
            raise handler.unusable("is not there")
        return cls(spec, place)

    @property
    def warm_up(self) -> WarmUp:
        """Shapes that the model leaves open are guessed, or named by a warm-up request beside it."""
        return WarmUp()

    def load(self) -> None:
        """Run the file, once for all HTTP workers."""
        self._functions = handler.load(self._folder)

    def accepts(self, served: Served, route: str, headers: Headers) -> Accepted:
        """Anything: the handler is told the Content-Type."""
        del served, route
        if content.JSON_SIZE_HEADER in headers:
            raise forms.misplaced_size()
        return Accepted(form=forms.BODY, media="*/*")

    def parse(self, served: Served, head: Head, body: bytes) -> Request:
        """Let the handler make inputs of the body."""
        given = self._call("preprocess", body, head.headers.get("content-type", ""))
        arrays, kept = exchange.inputs(served, given)
        return Request(arrays=arrays, kept=kept, lengthy=True)

    def render(self, served: Served, request: Request, outputs: Sequence[Array]) -> Response:
        """Let the handler make an answer of the outputs."""
        named = {
            expected.name: tensors.meant(array, expected)
            for array, expected in zip(outputs, served.in_order, strict=True)
        }
        return exchange.answer(self._call("postprocess", named, request.kept))

    def _call(self, name: str, *arguments: Any) -> Any:
        if not self._functions:
            self.load()
        return handler.call(self._functions[name], self.spec.timeout_seconds, *arguments)

    def describe(self, served: Served, proven: Shapes | None) -> Description:
        """What the handler takes and answers, only its author knows."""
        del served, proven
        anything = {"*/*": {"schema": BINARY}}
        return Description(
            operation={
                "summary": "Ask the model's own code",
                "description": "The body goes to `preprocess` of handler.py beside the model, with its "
                "Content-Type.",
                "requestBody": {"required": True, "content": anything},
                "responses": answers.ok("What `postprocess` made of the outputs.", anything),
            },
            call=Call(
                route="predict", arguments=("--data-binary", "@body"), file="body", stands_for="your file"
            ),
            upload=Upload(what="a file", media=("*/*",)),
        )
