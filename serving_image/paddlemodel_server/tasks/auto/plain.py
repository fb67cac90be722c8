"""A value of YAML that has no quotes: how it is written, and what it means; pure."""

from typing import Any


class Plain(str):
    """The text of a value that by YAML's rules is a number, a truth or nothing.

    In a list of names, `no`, 007 and ~ are names; where a number is wanted, 1e-3 is one.
    """

    __slots__ = ("meant",)
    meant: Any  # a whole number, a float, a bool, or None

    def __new__(cls, written: str, meant: Any) -> "Plain":
        """Make one of both."""
        made = super().__new__(cls, written)
        made.meant = meant
        return made

    def __repr__(self) -> str:
        """As it is written: without quotes."""
        return str(self)
