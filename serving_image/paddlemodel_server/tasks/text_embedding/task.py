"""The task itself: fits the model, takes texts, answers vectors."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from paddlemodel_server.errors import UnsupportedMediaTypeError
from paddlemodel_server.protocol import (
    EMBEDDINGS,
    JSON,
    Array,
    Head,
    Headers,
    Request,
    Response,
    content,
    forms,
)
from paddlemodel_server.protocol.served import Accepted, Description, Place, Served, Shapes
from paddlemodel_server.tasks.text import bodies
from paddlemodel_server.tasks.text.task import Kept, Read, TextTask, counts, dumped
from paddlemodel_server.tasks.text_embedding import documents, openai, pooling

if TYPE_CHECKING:
    from paddlemodel_api.tasks import TextEmbedding as Spec


class TextEmbedding(TextTask):
    """Texts in, a vector for each out."""

    name: ClassVar[str] = pooling.TASK
    routes: ClassVar[tuple[str, ...]] = (EMBEDDINGS,)

    def __init__(self, spec: "Spec", place: Place) -> None:
        super().__init__(spec, place)
        self._output = pooling.output(spec, place.model.outputs)
        self._tensor = place.model.outputs[self._output]
        self.pooling = pooling.pooling(spec, place.folder, self._tensor)
        pooling.check(self.pooling, self._tensor, self.plan.most)
        self.normalize = pooling.normalized(spec, place.folder)

    @classmethod
    def fit(cls, spec: "Spec", place: Place) -> "TextEmbedding":
        """Compare tokenizer, inputs and output with the model's."""
        return cls(spec, place)

    @property
    def output(self) -> int:
        """The number of the output with the vectors."""
        return self._output

    def accepts(self, served: Served, route: str, headers: Headers) -> Accepted:
        """As all tasks for texts; OpenAI's route takes JSON only."""
        if route != EMBEDDINGS:
            return super().accepts(served, route, headers)
        kind = content.media_type(headers)
        if not (kind in {JSON, "", "application/x-www-form-urlencoded"} or kind.endswith("+json")):
            raise UnsupportedMediaTypeError(f"The Content-Type is {kind[:60]!r}; this route takes {JSON}.")
        forms.refuse_tensor_headers(headers)
        return Accepted(form=forms.TEXT, media=content.chosen(headers, (JSON,)))

    def parse(self, served: Served, head: Head, body: bytes) -> Request:
        """Tokenize the texts."""
        if head.route != EMBEDDINGS:
            return super().parse(served, head, body)
        sent, form = openai.read(body, served.name, self._tensor.shape[-1])
        request = self.request(sent, form)
        bodies.first_fault([read.item for read in request.kept.reads], "input")
        return request

    def render(self, served: Served, request: Request, outputs: Sequence[Array]) -> Response:
        """As the route has it."""
        kept: Kept = request.kept
        if not kept.form:
            return super().render(served, request, outputs)
        return dumped(openai.answer(self.results(served, kept, outputs), served.name, kept.form))

    def result(self, row: Array, read: Read) -> dict[str, Any]:
        """The vector of one text."""
        vector = pooling.vector(row, read.tokens, self.pooling, normalize=self.normalize)
        return {"embedding": vector, **counts(read)}

    def describe(self, served: Served, proven: Shapes | None) -> Description:
        """The documents of both routes; they do not depend on shapes."""
        del proven
        return documents.describe(served.name)
