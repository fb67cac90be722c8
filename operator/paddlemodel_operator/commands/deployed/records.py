"""What the commands read of a cluster, or why they could not; pure."""

from dataclasses import dataclass

from paddlemodel_operator.settings import Settings


@dataclass(frozen=True, slots=True)
class NotKnown:
    """In place of what could not be read: a sentence that says why, and what to do."""

    why: str


@dataclass(frozen=True, kw_only=True)
class Operator:
    """The operator's Deployment."""

    namespace: str
    name: str
    ready: int
    """Pods."""
    image: str
    holder: str | NotKnown | None = None
    """Who works, by the Lease, of several; empty where nobody does, None where none is needed."""
    settings: Settings | NotKnown
    """By which it renders."""
