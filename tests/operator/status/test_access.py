"""The condition AccessConfigured, its column, and the warning about a model that is open to outsiders."""

from typing import Any

import pytest
from paddlemodel_operator.observe.children import Container, Observed
from paddlemodel_operator.observe.pod_samples import PodSample, PodSamples
from paddlemodel_operator.status.events import opening
from paddlemodel_operator.status.judge import judge
from paddlemodel_operator.status.traffic.access import access, column

from tests.operator.support.builders import LATER, NOW, body, fetched, model, observed, pod, ready_pod, words

KEYS = {"apiKeys": {"secretName": "clients"}}
TOKENS: dict[str, Any] = {
    "jwt": {"issuer": "https://a", "audiences": ["b"], "keys": {"configMapName": "issuer"}}
}
SHARED: dict[str, Any] = {
    "rateLimits": [{"per": "Model", "requests": 9}],
    "sharedLimits": {"uri": "redis://valkey:6379"},
}
EVERYTHING = {
    **KEYS,
    "tls": {"secretName": "cert"},
    "rateLimits": [{"per": "Model", "requests": 1}],
}
NETWORK: dict[str, Any] = {"network": {"from": [{"podSelector": {}}, {"ipBlock": {"cidr": "10.0.0.0/8"}}]}}
INGRESS = {"ingress": {"host": "a.example.com"}}


def ended(reason: str) -> Observed:
    """A new version whose server ends its start, beside an old one that serves."""
    server = Container(exit_code=1, exit_message=words(reason=reason, message="So."))
    return observed(pod(fetch=fetched(), server=server), ready=1)


def sampled(**values: float) -> Observed:
    samples = PodSamples(pods=(PodSample(name="pod-a", values=values), PodSample(name="pod-b", error="x")))
    found = observed(ready_pod())
    return Observed(workload=found.workload, pods=found.pods, samples=samples)


SITUATIONS: dict[str, tuple[dict[str, Any], Observed, tuple[str, str, str]]] = {
    "no pod yet": ({"access": KEYS}, observed(), ("Unknown", "Pending", "No pod")),
    "in force": (
        {"access": EVERYTHING, **INGRESS},
        observed(ready_pod()),
        ("True", "Configured", "In force in every pod that is ready: Keys, TLS, Limits."),
    ),
    "limits alone": (
        {"access": {"rateLimits": EVERYTHING["rateLimits"]}, **INGRESS},
        observed(ready_pod()),
        ("True", "Configured", "ready: Limits."),
    ),
    "no Secret of keys": ({"access": KEYS}, ended("ApiKeysMissing"), ("False", "SecretMissing", "clients")),
    "no certificate": (
        {"access": EVERYTHING},
        ended("CertificateMissing"),
        ("False", "SecretMissing", "The Secret cert that spec.access.tls names"),
    ),
    "keys that are none": ({"access": KEYS}, ended("ApiKeysInvalid"), ("False", "ApiKeysInvalid", "So.")),
    "tokens": (
        {"access": TOKENS, **INGRESS},
        observed(ready_pod()),
        ("True", "Configured", "ready: Tokens."),
    ),
    "no keys for tokens": (
        {"access": TOKENS},
        ended("JwtKeysMissing"),
        ("False", "JwtKeysMissing", "The ConfigMap issuer that spec.access.jwt.keys names does not exist in"),
    ),
    "no issuer": (
        {"access": {"jwt": TOKENS["jwt"] | {"keys": {"uri": "https://a/b"}}}},
        ended("JwtKeysMissing"),
        ("False", "JwtKeysMissing", "So."),
    ),
    "keys for tokens that are none": (
        {"access": TOKENS},
        ended("JwtKeysInvalid"),
        ("False", "JwtKeysInvalid", "So."),
    ),
    "keys for tokens that became unusable": (
        {"access": TOKENS},
        sampled(paddle_jwt_keys_outdated=1),
        ("False", "JwtKeysOutdated", "any more, and in pod pod-a those before them stay valid: repair it"),
    ),
    "another fault": ({"access": KEYS}, ended("TaskDoesNotFit"), ("Unknown", "Pending", "No pod")),
    "keys that became unusable": (
        {"access": KEYS},
        sampled(paddle_api_keys_outdated=1),
        ("False", "ApiKeysOutdated", "in pod pod-a the keys before them stay valid: repair it"),
    ),
    "a certificate that became unusable": (
        {"access": EVERYTHING},
        sampled(paddle_api_keys_outdated=0, paddle_tls_certificate_outdated=1),
        ("False", "CertificateOutdated", "in pod pod-a the certificate before it stays in use"),
    ),
    "a store of shared limits that is away": (
        {"access": SHARED},
        sampled(paddle_shared_limits_down=1),
        (
            "False",
            "SharedLimitsDown",
            "does not answer, and in pod pod-a limits hold for that pod alone: rep",
        ),
    ),
    "all well": (
        {"access": EVERYTHING},
        sampled(paddle_api_keys_outdated=0, paddle_tls_certificate_outdated=0),
        ("True", "Configured", "In force"),
    ),
    "open through a gateway": (
        {"gateway": {"parentRefs": [{"name": "public"}], "hostnames": ["b.example.com"]}, **INGRESS},
        observed(ready_pod()),
        ("False", "Open", "Everybody who reaches a.example.com or b.example.com may use the model"),
    ),
    "open through a gateway whose names are its own": (
        {"gateway": {"parentRefs": [{"name": "public"}]}},
        observed(ready_pod()),
        ("False", "Open", "Everybody who reaches Gateway public may use the model"),
    ),
    "pages of other origins": (
        {"access": {"cors": {"allowedOrigins": ["*"]}}},
        observed(ready_pod()),
        ("True", "Configured", "ready: CORS."),
    ),
    "open to outsiders and pages": (
        {"access": {"cors": {"allowedOrigins": ["*"]}}, **INGRESS},
        observed(ready_pod()),
        ("False", "Open", "Everybody who reaches a.example.com may use the model"),
    ),
    "no policy": (
        {"access": NETWORK},
        observed(ready_pod()),
        ("False", "NetworkPolicyMissing", "is not there, and without it the operator makes no pods"),
    ),
    "a policy": (
        {"access": NETWORK, **INGRESS},
        Observed(workload=observed().workload, pods=(ready_pod(),), network_policy=True),
        ("True", "Configured", "ready: Network. The NetworkPolicy lets clients in from 2 places of spec.ac"),
    ),
    "open to outsiders": (
        INGRESS,
        observed(ready_pod()),
        ("False", "Open", "Everybody who reaches a.example.com may use the model"),
    ),
}


@pytest.mark.parametrize(("fields", "seen", "expected"), SITUATIONS.values(), ids=SITUATIONS)
def test_a_situation(fields: dict[str, Any], seen: Observed, expected: tuple[str, str, str]) -> None:
    found = access(model(**fields), seen)
    assert found is not None
    status, reason, said = expected
    assert (found.status, found.reason, said in found.message) == (status, reason, True)


def test_a_model_of_the_cluster_alone_says_nothing() -> None:
    assert access(model(), observed(ready_pod())) is None
    assert column(model()) == "Open"
    assert column(model(access=NETWORK)) == "Network"
    assert column(model(access={**TOKENS, **EVERYTHING})) == "Keys, Tokens, TLS, Limits"
    assert column(model(access={"cors": {"allowedOrigins": ["*"]}})) == "Open"


def test_outsiders_are_warned_of_once_and_again_when_it_opens_again() -> None:
    def judged(before: dict[str, Any], **fields: Any) -> dict[str, Any]:
        return judge(model(**fields), observed(ready_pod()), before=before, now=NOW)

    def told(before: dict[str, Any], after: dict[str, Any]) -> str | None:
        event = opening(body(), before, after, "pod-1", LATER)
        return f"{event['type']} {event['reason']}" if event else None

    outside, closed, inside = judged({}, **INGRESS), judged({}, access=KEYS, **INGRESS), judged({})
    assert told({}, outside) == "Warning Open"
    assert told(outside, outside) is None
    assert told(outside, closed) is None
    assert told(closed, outside) == "Warning Open"
    assert told({}, closed) is None
    assert told({}, inside) is None
    assert outside["columns"]["access"] == "Open"
    assert closed["columns"]["access"] == "Keys"
