"""The task itself: fits the model, takes a sound, reads what is said."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

from paddlemodel_server.protocol import Array, Head, Request, tensors
from paddlemodel_server.protocol.served import Columns, Description, Place, Reduction, Served, Shapes, WarmUp
from paddlemodel_server.tasks import outputs
from paddlemodel_server.tasks.audio import documents
from paddlemodel_server.tasks.audio.task import SoundTask
from paddlemodel_server.tasks.batches.batched import Batched
from paddlemodel_server.tasks.batches.documents import batched
from paddlemodel_server.tasks.speech_recognition import ctc

if TYPE_CHECKING:
    from paddlemodel_api.tasks import SpeechRecognition as Spec


@dataclass(frozen=True, slots=True)
class Heard:
    """What the answer needs of a sound.

    Attributes:
        facts: about it, for the answer.
        frames: of it, or samples.
        filled: how many of them the model gets.
    """

    facts: dict[str, Any]
    frames: int
    filled: int


class OneSound(SoundTask):
    """One sound in, a text out."""

    name: ClassVar[str] = "speechRecognition"

    def __init__(self, spec: "Spec", place: Place) -> None:
        super().__init__(spec, place)
        floats = [one for one in place.model.outputs if one.dtype in outputs.FLOATS and len(one.shape) == 3]
        named = spec.output or (floats[0].name if len(floats) == 1 else None)
        self._output = outputs.chosen(self.name, named, place.model.outputs, "the scores of each step")
        tensor = place.model.outputs[self._output]
        if tensor not in floats:
            raise outputs.misfit(
                self.name,
                "takes a float output of 3 dimensions [rows, steps, tokens], the model has "
                f"{outputs.described(tensor)}",
                "export the model with a score for each token at each step",
            )
        outputs.check_rows(self.name, tensor, "sound")
        self.vocabulary = ctc.vocabulary(self.name, spec.vocabulary_file, spec.blank, place.folder)
        tokens = len(self.vocabulary.tokens)
        self._columns = Columns(
            task=self.name,
            output=self._output,
            count=tokens,
            names=f"{tokens} tokens in {spec.vocabulary_file}",
            cure=f"let the file have a line for each of the model's tokens, {spec.blank} included",
        )
        if tensor.shape[2] not in {-1, tokens}:
            what = f"has {self._columns.names}, the model {outputs.described(tensor)}"
            raise outputs.misfit(self.name, what, self._columns.cure)

    @classmethod
    def fit(cls, spec: "Spec", place: Place) -> Self:
        """Compare features, input, output and vocabulary with the model's."""
        return cls(spec, place)

    @property
    def warm_up(self) -> WarmUp:
        """How long sounds are, whether scores are probabilities, and what is left of them then."""
        auto = self.spec.activation == "Auto"
        return replace(
            super().warm_up,
            scores=self._output if auto else None,
            setting=f"spec.task.{self.name}.activation" if auto else "",
            reduction=Reduction(function="best", output=self._output),
            columns=self._columns,
        )

    @property
    def probabilities(self) -> bool:
        """Whether the outputs are probabilities, of which a worker need not send more than the best."""
        if self.spec.activation == "Auto":
            return self._place.scores() == "Probabilities"
        return bool(self.spec.activation == "None")

    def request(self, body: bytes) -> Request:
        """Decode the sound."""
        sound, facts = self._read(body)
        arrays = self._arrays(sound)
        filled = arrays[self.plan.sound].shape[self.plan.time]
        return Request(arrays=arrays, kept=Heard(facts, min(filled, self.plan.steps(sound)), filled))

    def parse(self, served: Served, head: Head, body: bytes) -> Request:
        """Ask for the reduction only where it leaves enough for the score."""
        request = super().parse(served, head, body)
        request.reduced = self.probabilities
        return request

    def result(self, served: Served, request: Request, outputs: Sequence[Array]) -> dict[str, Any]:
        """The text, without what is said in the silence that filled it up."""
        heard: Heard = request.kept
        classes, scores = (outputs[0][0], outputs[1][0]) if request.reduced else self._best(served, outputs)
        count = ctc.steps(len(classes), heard.frames, heard.filled)
        said = ctc.read(self.vocabulary, classes[:count], scores[:count])
        return {"text": said.text, "score": said.score} | heard.facts

    def _best(self, served: Served, outputs: Sequence[Array]) -> tuple[Array, Array]:
        """The best token of each step, and its probability, of whole outputs."""
        found = tensors.meant(outputs[self._output], served.in_order[self._output])[0]
        if self.probabilities:
            return found.argmax(axis=-1), found.max(axis=-1)
        return ctc.probable(found)

    def describe(self, served: Served, proven: Shapes | None) -> Description:
        """The documents of `POST /predict`; they do not depend on shapes."""
        del proven
        score = {"type": "number", "minimum": 0, "description": "mean of the tokens' scores; 0 of no text"}
        words = ("Recognise speech", "What is said in the sound.")
        return documents.describe(served.name, {"text": {"type": "string"}, "score": score}, words)


class SpeechRecognition(Batched, OneSound):
    """The same for several sounds in one request."""

    def describe(self, served: Served, proven: Shapes | None) -> Description:
        """The documents of `POST /predict`, with forms of several sounds."""
        return batched(served.name, super().describe(served, proven), "Heard")
