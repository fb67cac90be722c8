"""What the gate has found, as numbers and as a sentence; pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from paddlemodel_server.verification.differences import Difference

WHOLE: Final = "the answer"
"""Where no output or field is named."""


@dataclass
class Report:
    """What was found; requests count from 1."""

    requests: int = 0
    disagreeing: set[int] = field(default_factory=set)
    worst: tuple[int, str, Difference] | None = None  # a request, how it ran, and its output

    def numbers(self) -> dict[str, object]:
        """`status.verification` of the PaddleModel; numbers that may have a fraction are texts, as there."""
        found: dict[str, object] = {"requests": self.requests, "agreed": self.agreed}
        if self.worst is None:
            return found
        request, how, one = self.worst
        worst: dict[str, object] = {"request": request, "run": how, "output": one.output or WHOLE}
        if (value := one.worst) is not None:
            worst |= {"index": value.index, "expected": value.expected, "actual": value.actual}
            apart = {"absolute": value.absolute, "relative": value.relative}
            worst |= {name: f"{number:.6g}" for name, number in apart.items() if number is not None}
        return {**found, "worst": worst}

    def note(self, request: int, how: str, found: Sequence[Difference]) -> None:
        """Add how the outputs of one request compare."""
        for one in found:
            if not one.agrees:
                self.disagreeing.add(request)
                if self.worst is None or one.weight > self.worst[2].weight:
                    self.worst = request, how, one

    @property
    def agreed(self) -> int:
        """Requests that were answered as recorded, alone and with others."""
        return self.requests - len(self.disagreeing)

    def sentence(self, where: str) -> str:
        """What to tell: how many, the worst of all, and what to do."""
        count = len(self.disagreeing)
        several = "are" if count != 1 else "is"
        text = f"{count} of {self.requests} recorded requests {several} answered differently ({where})."
        if self.worst:
            request, how, one = self.worst
            named = f"output {one.output}" if one.output else WHOLE
            text += f" The worst: request {request}, run {how}, {named}: {one.fault}{one.example}."
        return (
            f"{text} Correct the model or spec.server.precision; if the new answers are right, record them, "
            "or widen spec.verification.tolerance."
        )
