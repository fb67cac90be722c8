"""What can go wrong, and what each error means for the person and for the work queue.

`model` raises SpecError; `apply` raises the others; `reconcile` turns them into conditions.
"""

from dataclasses import dataclass


class SpecError(Exception):
    """The user's YAML is wrong: permanent until it changes. The text names the field and the cure."""


class SettingsError(Exception):
    """The operator's own environment is wrong: it refuses to start, with one sentence."""


@dataclass(eq=False)
class ApiError(Exception):
    """The API server answered with an error, or did not answer (code 0)."""

    code: int
    reason: str
    message: str

    def __str__(self) -> str:
        return f"{self.code} {self.reason}: {self.message}"

    @property
    def is_rejection(self) -> bool:
        """The server understood and said no; trying again at once would not help."""
        return self.code in {400, 403, 404, 422}


@dataclass(eq=False)
class NameConflict(Exception):  # noqa: N818 - a fact about the cluster
    """An object of the child's name exists and is not ours: it is never touched."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name} exists and belongs to somebody else"


@dataclass(eq=False)
class KindMissing(Exception):  # noqa: N818 - a fact about the cluster
    """The cluster does not know a kind of which a child is desired; it may come to know it."""

    kind: str


@dataclass(eq=False)
class Retry(Exception):  # noqa: N818 - a spec, not an error
    """The world is on its way to the spec, but not there yet: look again after `seconds`."""

    seconds: float
    message: str

    def __str__(self) -> str:
        return self.message
