"""The HTTPRoute of a model, or None where no Gateway is to lead to it.

Everything that the definition has a default for is written out: a list of the route is one value for the API
server, and what stands in it beside ours would look like somebody's edit (`cluster/drift.py`).
"""

from paddlemodel_api.network import ParentRef

from paddlemodel_operator.base import names
from paddlemodel_operator.base.model import PaddleModel
from paddlemodel_operator.render.metadata import Object, compact, head
from paddlemodel_operator.render.traffic import seconds


def build(model: PaddleModel) -> Object | None:
    """One rule: what is below the path goes to the model's Service.

    The server takes the path off, as behind an Ingress, so that the page's links hold and no gateway has to.
    """
    gateway = model.spec.gateway
    if gateway is None:
        return None
    rule = {
        "matches": [{"path": {"type": "PathPrefix", "value": gateway.path}}],
        "backendRefs": [_backend(model)],
        "timeouts": {"request": f"{seconds(model)}s"},
    }
    return {
        **head(model, names.HTTP_ROUTE),
        "spec": compact(
            {
                "parentRefs": [_parent(one) for one in gateway.parent_refs],
                "hostnames": list(gateway.hostnames) or None,
                "rules": [rule],
            }
        ),
    }


def _parent(one: ParentRef) -> Object:
    kind = {"group": names.HTTP_ROUTE.group, "kind": "Gateway"}
    return compact({**kind, "name": one.name, "namespace": one.namespace, "sectionName": one.section_name})


def _backend(model: PaddleModel) -> Object:
    kind = {"group": "", "kind": names.SERVICE.kind}
    return {**kind, "name": model.name, "port": model.spec.service.port, "weight": 1}
