"""A Deployment whose pods stay as they are, though the operator would write them otherwise now.

That is so of the stable version while another one is tried out, and where nothing but the operator's own way
to write a template has changed: it is taken over with the next version.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from paddlemodel_api import contract

from paddlemodel_operator.cluster.drift import owned_part
from paddlemodel_operator.render.metadata import Object
from paddlemodel_operator.render.templates import mirror

_NAME: Final = re.compile(r"[0-9a-f]{10}")


def revision_of(live: Mapping[str, Any]) -> str:
    """What a Deployment was made for; empty of one from before that was noted, or where it is no revision."""
    return _annotated(live, contract.REVISION_ANNOTATION)


def template_of(live: Mapping[str, Any]) -> str:
    """The name of its template without the mirror's variable."""
    labels = live["spec"]["template"]["metadata"].get("labels", {})
    return _annotated(live, contract.TEMPLATE_ANNOTATION) or str(labels.get(contract.REVISION_LABEL, ""))


def _annotated(live: Mapping[str, Any], annotation: str) -> str:
    """People may write anything there."""
    found = (live["metadata"].get("annotations") or {}).get(annotation, "")
    return found if _NAME.fullmatch(found) else ""


def is_rewritten(rendered: Object, live: Mapping[str, Any]) -> bool:
    """Whether only the operator's own way to write the template has changed."""
    return revision_of(live) == revision_of(rendered) and template_of(live) != template_of(rendered)


def held(rendered: Object, live: Mapping[str, Any], mirrored: str | None) -> Object:
    """The rendered Deployment with the template of the live one, but for what it mirrors."""
    template, base = _template(live), template_of(live)
    annotations = {
        **rendered["metadata"]["annotations"],
        contract.REVISION_ANNOTATION: revision_of(live),
        contract.TEMPLATE_ANNOTATION: base,
    }
    return {
        **rendered,
        "metadata": {**rendered["metadata"], "annotations": annotations},
        "spec": {**rendered["spec"], "template": mirror.into(template, base, mirrored)},
    }


def _template(live: Mapping[str, Any]) -> Object:
    """As we have applied it; as it is where somebody else has written its containers."""
    owned: Object = owned_part(live, "spec", "template") or {}
    whole: Object = live["spec"]["template"]
    return owned if "containers" in owned.get("spec", {}) else whole
