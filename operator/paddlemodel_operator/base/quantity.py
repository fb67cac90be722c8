"""Amounts as Kubernetes writes them (500m, 4Gi), as numbers; pure."""

from decimal import Decimal
from typing import Final

SUFFIXES: Final = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "": Decimal(1),
    "k": Decimal("1e3"),
    **{letter: Decimal(1000) ** power for power, letter in enumerate("MGTPE", start=2)},
    **{f"{letter}i": Decimal(1024) ** power for power, letter in enumerate("KMGTPE", start=1)},
}


def amount(quantity: object) -> Decimal | None:
    """The value of a quantity such as 500m or 4Gi; None for what is none."""
    text = str(quantity)
    number = text.rstrip("numkKMGTPEi")
    suffix = text[len(number) :]
    try:
        value = Decimal(number) * SUFFIXES[suffix]
    except (ArithmeticError, KeyError, ValueError):
        return None
    return value if value.is_finite() else None
