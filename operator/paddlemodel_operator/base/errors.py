"""What can go wrong, and what each error means for the person and for the work queue.

The reconcile turns them into conditions; the controller decides by them when to try again.
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
    retry_after: float = 0.0
    """Seconds for which the server wants to be left alone; 0 where it does not say."""
    cause: str = ""
    """The first cause that the server names, a word such as NamespaceTerminating."""

    def __str__(self) -> str:
        return f"{self.code} {self.reason}: {self.message}"

    @property
    def is_overload(self) -> bool:
        """The server cannot answer anybody now: another request would only add to its load."""
        return self.code in {0, 429} or (self.code >= 500 and self.retry_after > 0)

    @property
    def is_rejection(self) -> bool:
        """The server understood and said no; trying again at once would not help."""
        return self.code in {400, 403, 404, 422}

    @property
    def is_of_ending_namespace(self) -> bool:
        """The namespace is being deleted: nothing can be created in it any more, ever."""
        return self.code == 403 and self.cause == "NamespaceTerminating"

    @property
    def is_immutable(self) -> bool:
        """The object exists with another value of a field that cannot be changed."""
        return self.code == 422 and "field is immutable" in self.message


@dataclass(eq=False)
class NameConflict(Exception):  # noqa: N818 - a fact about the cluster
    """An object of the child's name exists and is not ours: it is never touched."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name} exists and belongs to somebody else"


@dataclass(eq=False)
class KindMissing(Exception):  # noqa: N818 - a fact about the cluster
    """The cluster does not know the kind of a desired child; its definition may be installed later."""

    kind: str


@dataclass(eq=False)
class Retry(Exception):  # noqa: N818 - a spec, not an error
    """The cluster is on its way to the spec, but not there yet: reconcile again after `seconds`."""

    seconds: float
    message: str

    def __str__(self) -> str:
        return self.message
