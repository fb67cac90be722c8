"""A value of a configuration with its place, so that whatever is wrong with it can be named; pure."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from paddlemodel_server.errors import StartError
from paddlemodel_server.tasks.auto.plain import Plain

MOST_NAME = 1024  # characters of a class's name
_FRACTION = re.compile(r"\s*([0-9.eE+-]+)\s*/\s*([0-9.eE+-]+)\s*")


@dataclass(frozen=True, kw_only=True)
class Branch:
    """A value and where it stands.

    Attributes:
        tree: a list, table, text, number, truth or nothing; of YAML, some texts are `Plain`.
        file: its name.
        path: in the file, such as `PreProcess.transform_ops.0`; "" for the whole.
    """

    tree: Any
    file: str
    path: str = ""

    @property
    def value(self) -> Any:
        """A list, table, text, number, truth or nothing, as YAML means it."""
        return self.tree.meant if isinstance(self.tree, Plain) else self.tree

    @property
    def place(self) -> str:
        """File and path in one."""
        return f"{self.file}: {self.path}" if self.path else self.file

    def unknown(self, what: str) -> StartError:
        """The refusal of a configuration that is not understood.

        Args:
            what: it is, behind the place, such as "is no number".
        """
        return StartError(
            "ConfigurationNotUnderstood",
            f"{self.place} {what}, which this server does not know; name the task with its fields in "
            "spec.task, and the file is not needed.",
        )

    def __contains__(self, key: str) -> bool:
        return isinstance(self.value, dict) and key in self.value

    def get(self, key: str) -> "Branch":
        """What stands at a key; nothing where it is not there."""
        found = self.value.get(key) if isinstance(self.value, dict) else None
        return Branch(tree=found, file=self.file, path=f"{self.path}.{key}" if self.path else key)

    def only(self, *keys: str) -> "Branch":
        """Itself, unless the table has keys beside these.

        Raises:
            StartError: `ConfigurationNotUnderstood`.
        """
        for key in self.value or () if isinstance(self.value, dict | None) else ("",):
            if key not in keys:
                raise self.get(str(key)).unknown("is no parameter that can be served")
        return self

    def items(self) -> Iterator["Branch"]:
        """The entries of a list."""
        if not isinstance(self.value, list):
            raise self.unknown("is no list")
        for at, tree in enumerate(self.value):
            yield Branch(tree=tree, file=self.file, path=f"{self.path}.{at}")

    def named(self) -> tuple[str, "Branch"]:
        """An operation written as a table with one key: its name, and its parameters."""
        if isinstance(self.value, str):
            return self.value, Branch(tree=None, file=self.file, path=f"{self.path}.{self.value}")
        if not isinstance(self.value, dict) or len(self.value) != 1:
            raise self.unknown("is no operation with a name")
        name = str(next(iter(self.value)))
        return name, self.get(name)

    def typed(self) -> tuple[str, "Branch"]:
        """An operation written as a table with its name at `type`: the name, and the other keys."""
        if not isinstance(self.value, dict) or not isinstance(self.value.get("type"), str):
            raise self.unknown("is no operation with a type")
        rest = {key: value for key, value in self.value.items() if key != "type"}
        name = self.value["type"]
        return name, Branch(tree=rest, file=self.file, path=f"{self.path}.{name}")

    def text(self) -> str:
        """A text; without quotes it may look like a number or a truth."""
        if self.value is None:
            raise self.unknown("is no text")
        return self.written()

    def written(self) -> str:
        """An entry of a list of names, as it is written: `no`, 007 and ~ are names, too.

        JSON has quotes wherever a text is meant: of what has none, only a whole number is surely written so.
        """
        if isinstance(self.tree, bool) or not isinstance(self.tree, str | int):
            raise self.unknown(f"is {str(self.tree)[:40]!r} and no text (put quotes round it)")
        return str(self.tree)

    def truth(self, default: bool) -> bool:
        """True or false, or the default where there is nothing."""
        if self.value is None:
            return default
        if not isinstance(self.value, bool):
            raise self.unknown("is neither true nor false")
        return self.value

    def number(self) -> float:
        """A finite number; also a fraction as a text, as PaddleClas writes `1.0/255.0`. Never evaluated."""
        found = self.value
        if isinstance(found, str):
            found = _fraction(found)
        if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
            raise self.unknown(f"is {str(self.value)[:40]!r} and no number")
        return float(found)

    def count(self, of: str = "") -> int:
        """A whole number from 1 to 8192."""
        if isinstance(self.value, bool) or not isinstance(self.value, int) or not 1 <= self.value <= 8192:
            raise self.unknown(f"is {str(self.value)[:40]!r} and no {of or 'whole number'} from 1 to 8192")
        return self.value

    def side(self) -> int:
        """A number of pixels."""
        return self.count("number of pixels")

    def pair(self) -> tuple[int, int]:
        """Two numbers of pixels, or one for both."""
        if not isinstance(self.value, list):
            return self.side(), self.side()
        if len(self.value) != 2:
            raise self.unknown("has not two sides")
        first, second = (entry.side() for entry in self.items())
        return first, second

    def three(self) -> tuple[float, float, float]:
        """A number for each of three channels, or one for all."""
        if not isinstance(self.value, list):
            number = self.number()
            return number, number, number
        if len(self.value) != 3:
            raise self.unknown("has not three numbers")
        red, green, blue = (entry.number() for entry in self.items())
        return red, green, blue

    def names(self) -> list[str] | None:
        """Names of classes, in their order; None where there are none."""
        if self.value is None:
            return None
        found = [entry.written() for entry in self.items()]
        if not found or any(len(name) > MOST_NAME for name in found):
            raise self.unknown("is no list of names")
        return found


def _fraction(text: str) -> float | None:
    """A number, or one divided by another."""
    found = _FRACTION.fullmatch(text)
    try:
        return float(found[1]) / float(found[2]) if found else float(text)
    except (ValueError, ZeroDivisionError):
        return None
