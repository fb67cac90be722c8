"""The HTTPRoute of a model, or None where no Gateway is to lead to it.

Everything that the definition has a default for is written out: a list of the route is one value for the API
server, and what stands in it beside ours would look like somebody's edit (`cluster/drift.py`).
"""

from paddlemodel_api.network import ParentRef

from paddlemodel_operator.base import names
from paddlemodel_operator.base.model import PaddleModel
from paddlemodel_operator.render.metadata import Object, compact, head
from paddlemodel_operator.render.traffic import seconds


def build(model: PaddleModel, weight: int = 0) -> Object | None:
    """One rule: what is below the path goes to the model's Service, and a share of it to a canary's own.

    The two weights are percent. Without a share there is one backend: what a controller makes of a weight
    of 0, or of a Service without pods, is its own affair.

    The server takes the path off, as behind an Ingress, so that the page's links hold and no gateway has to.

    Args:
        model: the spec.
        weight: percent of the requests that the route gives to a canary now.
    """
    gateway = model.spec.gateway
    if gateway is None:
        return None
    rule = {
        "matches": [{"path": {"type": "PathPrefix", "value": gateway.path}}],
        "backendRefs": _backends(model, weight),
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


def _backends(model: PaddleModel, weight: int) -> list[Object]:
    shares = {model.name: 100 - weight, names.canary(model.name): weight} if weight else {model.name: 1}
    kind = {"group": "", "kind": names.SERVICE.kind}
    return [
        {**kind, "name": name, "port": model.spec.service.port, "weight": share}
        for name, share in shares.items()
    ]
