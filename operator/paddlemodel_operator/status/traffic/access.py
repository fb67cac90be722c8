"""Is the model as closed as its spec says, and is one open that outsiders reach? Pure."""

from typing import Final

from paddlemodel_api import contract

from paddlemodel_operator.base.model import PaddleModel
from paddlemodel_operator.observe.children import Observed
from paddlemodel_operator.observe.conditions import Condition
from paddlemodel_operator.status.reports import SECRET_MISSING, Fault, reported

OPEN: Final = "Open"
POLICY_MISSING: Final = "NetworkPolicyMissing"
NO_POLICY: Final = (
    "The NetworkPolicy of spec.access.network is not there, and without it the operator makes no pods; where "
    "that does not pass, the condition Ready says why."
)
_FAULTS: Final = frozenset(
    {
        SECRET_MISSING,
        contract.API_KEYS_INVALID,
        contract.CERTIFICATE_INVALID,
        contract.JWT_KEYS_MISSING,
        contract.JWT_KEYS_INVALID,
    }
)
_SECRET: Final = "The Secret of spec.access.{} has changed to something unusable"  # noqa: S105 - a sentence
_OUTDATED: Final = {
    contract.API_KEYS_OUTDATED_METRIC: (
        "ApiKeysOutdated",
        _SECRET.format("apiKeys"),
        "the keys before them stay valid",
    ),
    contract.JWT_KEYS_OUTDATED_METRIC: (
        "JwtKeysOutdated",
        "The keys of spec.access.jwt.keys cannot be fetched or used any more",
        "those before them stay valid",
    ),
    contract.SHARED_LIMITS_DOWN_METRIC: (
        "SharedLimitsDown",
        "The store of spec.access.sharedLimits does not answer",
        "limits hold for that pod alone",
    ),
    contract.CERTIFICATE_OUTDATED_METRIC: (
        "CertificateOutdated",
        _SECRET.format("tls"),
        "the certificate before it stays in use",
    ),
}


def access(model: PaddleModel, observed: Observed) -> Condition | None:
    """The condition AccessConfigured; None for a model without `access` that only the cluster reaches."""
    if not _closed_by(model) and (opened := _open(model)):
        return opened
    if model.spec.access is None:
        return None
    if fault := _fault(model, observed):
        return fault
    if not observed.ready_pods:
        return Condition("Unknown", "Pending", "No pod of the newest version is ready yet.")
    found = ", ".join((*_closed_by(model), *(("CORS",) if model.spec.access.cors else ())))
    return Condition("True", "Configured", f"In force in every pod that is ready: {found}.{_network(model)}")


def column(model: PaddleModel) -> str:
    """What a client meets, for the column Access: Open, or some of Keys, Tokens, TLS, Limits, Network."""
    return ", ".join(_closed_by(model)) or OPEN


def _closed_by(model: PaddleModel) -> list[str]:
    """What stands between a client and the model. CORS does not: only browsers heed it."""
    found = model.spec.access
    if found is None:
        return []
    parts = {
        "Keys": found.api_keys,
        "Tokens": found.jwt,
        "TLS": found.tls,
        "Limits": found.rate_limits,
        "Network": found.network,
    }
    return [name for name, part in parts.items() if part is not None]


def _network(model: PaddleModel) -> str:
    """What a NetworkPolicy means; whether the cluster enforces it no API tells."""
    if model.spec.access is None or (network := model.spec.access.network) is None:
        return ""
    places = len(network.sources)
    outside = ""
    if _outside(model):
        outside = (
            " The ingress controller or gateway has to be one of them, or in the chart's value "
            "networkPolicies.ingressNamespaces."
        )
    return (
        f" The NetworkPolicy lets clients in from {places} {'place' if places == 1 else 'places'} of "
        f"spec.access.network.from; a cluster whose network plugin enforces none ignores it.{outside}"
    )


def _outside(model: PaddleModel) -> list[str]:
    """Under which names outsiders reach the model."""
    ingress, gateway = model.spec.ingress, model.spec.gateway
    names = [ingress.host] if ingress else []
    if gateway is not None:
        names += gateway.hostnames or [f"Gateway {one.name}" for one in gateway.parent_refs]
    return list(dict.fromkeys(names))


def _open(model: PaddleModel) -> Condition | None:
    outside = _outside(model)
    if not outside:
        return None
    return Condition(
        "False",
        OPEN,
        f"Everybody who reaches {' or '.join(outside)} may use the model, unless what stands in front asks "
        "for a login: set spec.access.apiKeys or jwt; docs/access.md says how.",
    )


def _fault(model: PaddleModel, observed: Observed) -> Condition | None:
    """What is not in force, or no longer as the spec has it."""
    access = model.spec.access
    if access is not None and access.network is not None and not observed.network_policy:
        return Condition("False", POLICY_MISSING, NO_POLICY)
    if fault := _start_fault(model, observed):
        return Condition("False", fault.reason, fault.message)
    return _outdated(observed)


def _start_fault(model: PaddleModel, observed: Observed) -> Fault | None:
    """Why a pod of the newest version ended its start, where that was because of `access`."""
    for pod in observed.pods:
        fault = None if pod.ready else reported(model, pod.server)
        if fault is not None and fault.reason in _FAULTS:
            return fault
    return None


def _outdated(observed: Observed) -> Condition | None:
    """A Secret, or an issuer's keys, have become unusable while pods were running."""
    for pod in observed.samples.pods if observed.samples else ():
        for metric, (reason, changed, kept) in _OUTDATED.items():
            if pod.values.get(metric):
                return Condition(
                    "False",
                    reason,
                    f"{changed}, and in pod {pod.name} {kept}: repair it; kubectl logs of the pod says what "
                    "is wrong.",
                )
    return None
