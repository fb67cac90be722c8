"""`spec.task.tensors`: `POST /predict` takes and answers tensors, in every form that the protocols have."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from paddlemodel_server.describe import calls
from paddlemodel_server.protocol import JSON, Array, Head, Headers, Request, Response, forms
from paddlemodel_server.protocol.served import Accepted, Description, Place, Served, Shapes, WarmUp


class Tensors:
    """Any model fits; there is nothing to set."""

    name: ClassVar[str] = "tensors"
    files: ClassVar[Mapping[str, str]] = {}  # arrays go to /v2/models/NAME/infer
    usage: ClassVar[str] = ""
    routes: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def fit(cls, spec: Any, place: Place) -> "Tensors":
        """Any model fits: its tensors are the request's."""
        del spec, place
        return cls()

    @property
    def warm_up(self) -> WarmUp:
        """No inputs of its own: the model's signature says enough."""
        return WarmUp()

    def load(self) -> None:
        """Nothing to prepare: numpy is there already."""

    def accepts(self, served: Served, route: str, headers: Headers) -> Accepted:
        """Choose the form by Content-Type; in JSON the body has a say about the answer."""
        form = forms.chosen(served, route, headers)
        media = forms.answer_media(served, route, headers)
        return Accepted(form=form, media=None if form == forms.V2_FORM else media)

    def parse(self, served: Served, head: Head, body: bytes) -> Request:
        """Read and validate tensors."""
        return forms.parse(served, head, body)

    def render(self, served: Served, request: Request, outputs: Sequence[Array]) -> Response:
        """Every wanted output as JSON, or the first of them as bytes, as Accept wants."""
        if request.media != JSON and not request.binary:
            return forms.render_tensor(served, request, outputs)
        return forms.render_v2(served, request, outputs)

    def describe(self, served: Served, proven: Shapes | None) -> Description:
        """As V2's route, with raw bodies beside it."""
        return Description(operation=calls.tensors(served, proven), call=calls.curl(served, proven))
