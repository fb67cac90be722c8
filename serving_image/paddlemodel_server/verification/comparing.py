"""How an answer compares with the recorded one, output by output: the one way of the gate and of `verify`."""

from typing import Any

from paddlemodel_server.errors import StartError
from paddlemodel_server.verification import differences, json_answers, v2_client
from paddlemodel_server.verification.differences import Difference, Tolerances


class Comparing:
    """Compares the answers of one recording, and knows which outputs and fields have come in it."""

    def __init__(self, tolerances: Tolerances) -> None:
        self._tolerances = tolerances
        self._names: dict[str, None] = {}  # as they came

    def tensors(self, expected: v2_client.Arrays, found: v2_client.Arrays) -> list[Difference]:
        """How each output of the model compares.

        Args:
            expected: the recorded outputs, by name.
            found: those of now.
        """
        self._names |= dict.fromkeys([*found, *expected])
        return differences.compare(expected, found, self._tolerances)

    def answers(self, expected: Any, found: Any) -> list[Difference]:
        """How each field of a task's answer that has a tolerance compares, and all others together.

        Args:
            expected: the recorded JSON.
            found: that of now.
        """
        self._names |= dict.fromkeys(json_answers.fields(expected))
        return json_answers.compare(expected, found, self._tolerances)

    def check_names(self) -> None:
        """Whether each tolerance is one of an output or a field, where any has come.

        Raises:
            StartError: `UnknownOutput`.
        """
        for name in self._tolerances.of if self._names else ():
            if name not in self._names:
                known = ", ".join(self._names)
                raise StartError("UnknownOutput", f"There is no output {name}, only {known}.")
