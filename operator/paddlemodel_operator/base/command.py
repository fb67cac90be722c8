"""A person's word about one revision, as an annotation of the PaddleModel: promote@3f2a… and so on. Pure.

It names the revision, so that it means nothing to the next one. It is no field of the spec: who applies a
spec again and again would take it back, or say it again.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from paddlemodel_api import contract

from paddlemodel_operator.base.errors import SpecError

VERBS: Final = ("promote", "abort", "pause", "retry")
_FORM: Final = re.compile(rf"({'|'.join(VERBS)})@([0-9a-f]{{1,64}})")


@dataclass(frozen=True, slots=True)
class Command:
    """What is to become of a revision."""

    verb: str
    revision: str

    def __str__(self) -> str:
        return f"{self.verb}@{self.revision}"


def read_command(metadata: Mapping[str, Any]) -> Command | None:
    """The command in an object's metadata.

    Raises:
        SpecError: there is something else in its place.
    """
    said = (metadata.get("annotations") or {}).get(contract.ROLLOUT_ANNOTATION)
    if said is None:
        return None
    found = _FORM.fullmatch(said)
    if found is None:
        raise SpecError(
            f"the annotation {contract.ROLLOUT_ANNOTATION} is {said[:100]!r}: it is one of "
            f"{', '.join(VERBS)}, then @ and the canaryRevision of status.rollout, such as "
            "promote@0123456789: set it so, or remove it"
        )
    return Command(*found.groups())
