"""What was found out about the models that were looked at last, so that it is not found out again.

Most looks follow a report of a controller, which changes the status of a child: neither the spec, nor what is
rendered of it, nor what was applied. Of what is kept nothing is believed: it is compared with what there is.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from paddlemodel_operator.base.model import PaddleModel, from_body
from paddlemodel_operator.base.names import ChildKey
from paddlemodel_operator.cluster.cache import Key, key_of
from paddlemodel_operator.cluster.drift import is_applied
from paddlemodel_operator.render import Children, Object, Rollout, render
from paddlemodel_operator.render.rollout import AT_ONCE
from paddlemodel_operator.settings import Settings

KEPT: Final = 64
"""Models; each is some 60 kB while it is kept, and is asked for again within seconds, or in hours."""

NO_REVISION: Final = ("resourceVersion", "generation")
"""Of the metadata; they tell that something has changed, and what, the rest."""


@dataclass(slots=True)
class _Known:
    mark: tuple[Any, ...]
    """All of the object that is parsed."""
    model: PaddleModel
    contents: Mapping[str, str] = field(default_factory=dict)
    children: Children | None = None
    """Rendered for the contents, where no other version is tried out."""
    applied: dict[ChildKey, tuple[Object, Mapping[str, Any]]] = field(default_factory=dict)
    """What was desired, and an object that is so."""


class Recent:
    """Parses, renders and compares, or knows the answer already."""

    def __init__(self) -> None:
        self._known: OrderedDict[Key, _Known] = OrderedDict()

    def parse(self, body: Mapping[str, Any]) -> PaddleModel:
        """As `from_body`."""
        key, metadata = key_of(body), body["metadata"]
        parts = (metadata.get(part) for part in ("uid", "generation", "annotations"))
        mark = (*parts, body.get("spec"))
        found = self._known.get(key)
        if found is None or found.mark != mark:
            found = self._known[key] = _Known(mark, from_body(body))
            if len(self._known) > KEPT:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        return found.model

    def render(
        self, model: PaddleModel, settings: Settings, contents: Mapping[str, str], rollout: Rollout
    ) -> Children:
        """As `render`; nobody may change the result."""
        found = self._known.get((model.namespace, model.name))
        if found is None or found.model is not model or rollout != AT_ONCE:
            return render(model, settings, contents, rollout)
        if found.children is None or found.contents != contents:
            found.children, found.contents = render(model, settings, contents, rollout), contents
        return found.children

    def is_applied(self, key: Key, child: ChildKey, desired: Object, live: Mapping[str, Any]) -> bool:
        """As `drift.is_applied`, of a child of the model `key`."""
        found = self._known.get(key)
        wanted, seen = found.applied.get(child, (None, live)) if found else (None, live)
        if wanted is desired and _ours(seen) == _ours(live):
            return True
        if not is_applied(desired, live):
            return False
        if found is not None:
            found.applied[child] = (desired, live)
        return True

    def forget(self, key: Key) -> None:
        """The model is gone."""
        self._known.pop(key, None)


def _ours(live: Mapping[str, Any]) -> tuple[Any, ...]:
    """What `drift` looks at: everything but what controllers report."""
    metadata = {key: value for key, value in live["metadata"].items() if key not in NO_REVISION}
    return metadata, {key: value for key, value in live.items() if key not in {"metadata", "status"}}
