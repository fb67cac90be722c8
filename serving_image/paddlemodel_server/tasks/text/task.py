"""What the tasks for texts share: fit, tokens, parts, an answer for each text; a subclass says what it is.

Texts are tokenized in the HTTP worker; the model's runs see token ids only.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import orjson

from paddlemodel_server.errors import BadRequestError, NotFiniteError, UnsupportedMediaTypeError
from paddlemodel_server.protocol import JSON, Array, Head, Headers, Request, Response, content, forms, tensors
from paddlemodel_server.protocol.served import Accepted, Place, Served, WarmUp
from paddlemodel_server.tasks import outputs
from paddlemodel_server.tasks.text import bodies, vocabulary
from paddlemodel_server.tasks.text.bodies import Item, Sent
from paddlemodel_server.tasks.text.plan import plan

if TYPE_CHECKING:
    from paddlemodel_server.tasks.text.tokenizer import Encoding, Tokenizer

PLAIN = "text/plain"
FILES = {".txt": PLAIN}
USAGE = "review.txt      a text (.txt), for the tasks whose names begin with text or token"


@dataclass(frozen=True, slots=True)
class Read:
    """A text with its tokens.

    Attributes:
        item: the text.
        ids: int32 [tokens]; None where something is wrong with the text.
        types: uint8 [tokens]: 1 in the second text of a pair.
        truncated: whether its end was left out.
        places: of each token the number of its word (None for one that the tokenizer added), and where it
            begins and ends in the text, in code points; only where the task needs them.
    """

    item: Item
    ids: Array | None = None
    types: Array | None = None
    truncated: bool = False
    places: tuple[tuple[int | None, int, int], ...] = ()

    @property
    def tokens(self) -> int:
        """How many tokens it has."""
        return 0 if self.ids is None else len(self.ids)


@dataclass(frozen=True, slots=True)
class Kept:
    """What the answer needs of a request.

    Attributes:
        reads: every text, in order.
        listed: whether they came as a list.
        parts: for each part the numbers of its texts.
        form: of the answer, where a task has several.
    """

    reads: list[Read]
    listed: bool
    parts: list[list[int]]
    form: str = ""


class TextTask(ABC):
    """A task that takes texts."""

    name: ClassVar[str]
    files: ClassVar[Mapping[str, str]] = FILES
    usage: ClassVar[str] = USAGE
    routes: ClassVar[tuple[str, ...]] = ()
    pairs: ClassVar[bool] = False
    placed: ClassVar[bool] = False
    """Whether results say where tokens stand."""

    def __init__(self, spec: Any, place: Place) -> None:
        self.spec = spec
        self.vocabulary = vocabulary.find(place.folder, self.name)
        self.plan = plan(self.name, spec, place.model, self.vocabulary)
        self._place = place

    @property
    def warm_up(self) -> WarmUp:
        """The lengths of texts."""
        return WarmUp(shapes=self.plan.shapes)

    def load(self) -> None:
        """Load the tokenizer, and see that it leaves room for a text."""
        added = self.tokenizer().special_tokens(pair=self.pairs)
        if added >= self.plan.most:
            raise outputs.misfit(
                self.name,
                f"takes {self.plan.most} tokens, and the tokenizer adds {added} to a text",
                f"set spec.task.{self.name}.maxTokens to {added + 1} at least",
            )

    def tokenizer(self) -> "Tokenizer":
        """The model's, which is loaded once for all HTTP workers.

        Raises:
            StartError: `TokenizerUnreadable`.
        """
        library = _library()
        truncate = self.plan.most if self.spec.long_texts == "Truncate" else None
        reading = library.Reading(folder=self._place.folder, source=self.vocabulary.source, truncate=truncate)
        found: Tokenizer = library.load(reading)
        return found

    def accepts(self, served: Served, route: str, headers: Headers) -> Accepted:
        """JSON, or one text as it is; nothing is guessed of a body whose kind is not told."""
        del served, route
        kind = content.media_type(headers)
        if not (kind in {PLAIN, JSON} or kind.endswith("+json")):
            raise UnsupportedMediaTypeError(
                f'This model takes texts; say which form: -H "Content-Type: {JSON}" for '
                f'{{"text": "…"}} or {{"texts": ["…"]}}, -H "Content-Type: {PLAIN}" for one text as it is.'
            )
        forms.refuse_tensor_headers(headers)
        return Accepted(form=forms.TEXT, media=content.chosen(headers, (JSON,)))

    def parse(self, served: Served, head: Head, body: bytes) -> Request:
        """Tokenize the texts."""
        del served
        if content.media_type(head.headers) == PLAIN:
            sent = bodies.plain(body)
        else:
            sent = bodies.from_json(body, pairs=self.pairs)
        return self.request(sent)

    def request(self, sent: Sent, form: str = "") -> Request:
        """The model's inputs for texts, in parts."""
        reads = self.read(sent.items)
        if not sent.listed and reads[0].item.fault:
            raise BadRequestError(reads[0].item.fault)
        good = [at for at, read in enumerate(reads) if read.ids is not None]
        tokens = [reads[at].tokens for at in good]
        parts = [[good[at] for at in part] for part in self.plan.parts(tokens, alone=self._place.alone())]
        return Request(
            arrays=[],
            parts=[self._arrays([reads[at] for at in part]) for part in parts],
            kept=Kept(reads, sent.listed, parts, form),
        )

    def read(self, items: Sequence[Item]) -> list[Read]:
        """Tokenize texts; what is too long is a fault, or truncated, as the spec says."""
        good = [item.content for item in items if not item.fault]
        encodings = self.tokenizer().encode(good)
        return [Read(item) if item.fault else self._read(item, next(encodings)) for item in items]

    def _read(self, item: Item, encoding: "Encoding") -> Read:
        if not len(encoding):
            return Read(replace(item, fault="The text has nothing in it that the tokenizer knows."))
        truncated = self.spec.long_texts == "Truncate" and bool(encoding.overflowing)
        if len(encoding) > self.plan.most:
            fault = f"The text has {len(encoding)} tokens; this model takes {self.plan.most} at most."
            return Read(replace(item, fault=fault))
        ids, types = np.array(encoding.ids, np.int32), np.array(encoding.type_ids, np.uint8)
        placed = zip(encoding.word_ids, encoding.offsets, strict=True) if self.placed else ()
        return Read(item, ids, types, truncated, tuple((word, *place) for word, place in placed))

    def _arrays(self, reads: Sequence[Read]) -> list[Array]:
        length = max(self.plan.length(read.tokens) for read in reads)
        ids = [read.ids for read in reads if read.ids is not None]
        types = [read.types for read in reads if read.types is not None]
        return self.plan.arrays(ids, types, length)

    def render(self, served: Served, request: Request, outputs: Sequence[Array]) -> Response:
        """The result of the text, or the results of all in order, and which model gave them."""
        kept: Kept = request.kept
        found = self.results(served, kept, outputs)
        if kept.listed:
            return dumped({"results": found, "model": served.name})
        if set(found[0]) == {"error"}:
            raise NotFiniteError
        return dumped(found[0] | {"model": served.name})

    def results(self, served: Served, kept: Kept, outputs: Sequence[Array]) -> list[dict[str, Any]]:
        """The result of each text, in order; `{"error": …}` where something is wrong with it."""
        found: list[dict[str, Any]] = [{"error": read.item.fault} for read in kept.reads]
        for number, part in enumerate(kept.parts):
            mine = outputs[number * len(served.in_order) : (number + 1) * len(served.in_order)]
            output = tensors.meant(mine[self.output], served.in_order[self.output])
            for row, at in enumerate(part):
                read = kept.reads[at]
                try:
                    found[at] = self.result(output[row], read)
                except NotFiniteError as error:
                    found[at] = {"error": error.message}
        return found

    @property
    @abstractmethod
    def output(self) -> int:
        """The number of the output that results are made of."""

    @abstractmethod
    def result(self, row: Array, read: Read) -> dict[str, Any]:
        """The result of one text.

        Args:
            row: of the output, without the dimension for rows; padded as the text was.
            read: the text.

        Raises:
            NotFiniteError: there are numbers that are none.
        """


def counts(read: Read) -> dict[str, Any]:
    """What every result says of its text: its tokens, and whether its end was left out."""
    return {"tokens": read.tokens, "truncated": read.truncated}


def dumped(found: dict[str, Any]) -> Response:
    """A JSON answer in which arrays are lists."""
    return Response(body=orjson.dumps(found, option=orjson.OPT_SERIALIZE_NUMPY))


def _library() -> ModuleType:
    from paddlemodel_server.tasks.text import tokenizer  # noqa: PLC0415 - not for the supervisor, nor for tensors

    return tokenizer
