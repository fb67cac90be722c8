"""What the tasks for sounds share: fit, decoding, facts about a sound; a subclass says what it is."""

from abc import ABC
from collections.abc import Mapping
from types import ModuleType
from typing import Any, ClassVar

from paddlemodel_server.protocol import Array, Request
from paddlemodel_server.protocol.served import Place, WarmUp
from paddlemodel_server.tasks.audio import formats
from paddlemodel_server.tasks.audio.fit import plan
from paddlemodel_server.tasks.body import WholeBody

USAGE = (
    "yes.wav         a sound (.wav .flac .ogg .mp3), for the tasks audioClassification and speechRecognition"
)


class SoundTask(WholeBody, ABC):
    """A task that takes one sound."""

    name: ClassVar[str]
    files: ClassVar[Mapping[str, str]] = formats.FILES
    usage: ClassVar[str] = USAGE

    def __init__(self, spec: Any, place: Place) -> None:
        self.spec = spec
        self.plan = plan(self.name, spec, place.model, place.folder, place.body_bytes)
        self._place = place

    @property
    def warm_up(self) -> WarmUp:
        """How long sounds are, and what it takes to decode one."""
        return self.plan.warm_up()

    def load(self) -> None:
        """Import the decoder before the first sound."""
        _decoding()

    def takes(self, kind: str) -> bool:
        """Anything but what clearly is no sound: the bytes decide, as curl names no type of its own."""
        return kind != "application/json" and not kind.startswith("multipart/")

    @property
    def taken(self) -> str:
        """The refusal of a body that is no sound."""
        return "This model takes the bytes of one sound; send the file as it is: curl --data-binary @yes.wav."

    def request(self, body: bytes) -> Request:
        """Decode the sound; the answer will say how long it is."""
        samples, facts = self._read(body)
        return Request(arrays=self._arrays(samples), kept=facts)

    def _arrays(self, samples: Array) -> list[Array]:
        """The model's inputs."""
        with _decoding().turn(len(samples) / self.plan.rate):
            return self.plan.arrays(samples)

    def _read(self, body: bytes) -> tuple[Array, dict[str, Any]]:
        """The samples, and the facts about them that an answer has."""
        decoding = _decoding()
        plan = self.plan
        wanted = decoding.Wanted(plan.rate, plan.most, self.spec.long_sounds == "Truncate")
        sound = decoding.decode(body, wanted)
        return sound.samples, {"seconds": round(sound.seconds, 3), "truncated": sound.truncated}


def _decoding() -> ModuleType:
    from paddlemodel_server.tasks.audio import decoding  # noqa: PLC0415 - libsndfile: not for the supervisor

    return decoding
