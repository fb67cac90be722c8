"""Who answers for the metrics APIs, and the certificate of the adapter: decisions without a cluster."""

import asyncio
import datetime as dt
import ssl
from dataclasses import replace
from typing import Any
from unittest.mock import AsyncMock, Mock

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError
from paddlemodel_operator.base.errors import ApiError, SettingsError
from paddlemodel_operator.registration import objects
from paddlemodel_operator.registration.certificates import LIFE, authorities, fault, issue
from paddlemodel_operator.registration.objects import Issued
from paddlemodel_operator.registration.ownership import State, registration, survey
from paddlemodel_operator.registration.registrar import Registrar
from paddlemodel_operator.settings import Settings, from_environment

NOW = dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC)
HOST = "adapter.system.svc"
DAY = dt.timedelta(days=1)

Object = dict[str, Any]


def api_service(name: str, service: str = "", *, available: bool = True, message: str = "") -> Object:
    version, _, group = name.partition(".")
    namespace, _, of = service.partition("/")
    condition = {"type": "Available", "status": str(available), "message": message}
    return {
        "metadata": {"name": name, "resourceVersion": "1"},
        "spec": {
            "group": group,
            "version": version,
            **({"service": {"namespace": namespace, "name": of}} if service else {}),
        },
        "status": {"conditions": [condition]},
    }


OURS = api_service("v1beta2.custom.metrics.k8s.io", "system/adapter")
DEAD = api_service("v1beta2.custom.metrics.k8s.io", "system/adapter", available=False, message="no endpoints")
THEIRS = api_service("v1beta1.custom.metrics.k8s.io", "monitoring/prometheus-adapter")
TAKEN = api_service("v1beta2.custom.metrics.k8s.io", "monitoring/prometheus-adapter")
CPU = api_service("v1beta1.metrics.k8s.io", "kube-system/metrics-server")
APPS = api_service("v1.apps")


@pytest.mark.parametrize(
    ("items", "state", "owner"),
    [
        pytest.param([APPS, CPU], State.ABSENT, "", id="nobody"),
        pytest.param([APPS, OURS], State.OURS, "system/adapter", id="ours"),
        pytest.param([DEAD], State.OURS_UNAVAILABLE, "system/adapter", id="ours-without-pods"),
        pytest.param([THEIRS], State.FOREIGN, "monitoring/prometheus-adapter", id="theirs"),
        pytest.param([OURS, THEIRS], State.FOREIGN, "monitoring/prometheus-adapter", id="theirs-beside-ours"),
        pytest.param([TAKEN], State.FOREIGN, "monitoring/prometheus-adapter", id="ours-overwritten"),
        pytest.param(
            [api_service("v1beta2.custom.metrics.k8s.io", "other/adapter")],
            State.FOREIGN,
            "other/adapter",
            id="another-release-of-ours",
        ),
        pytest.param([api_service("v1.custom.metrics.k8s.io")], State.FOREIGN, "", id="a-definition-s"),
        pytest.param(
            [api_service("v1beta1.custom.metrics.k8s.io", "system/adapter")],
            State.ABSENT,
            "",
            id="a-person-s-that-leads-to-us",
        ),
    ],
)
def test_who_answers_for_the_metrics_of_pods(items: list[Object], state: State, owner: str) -> None:
    found = registration(survey(items, "system", "adapter"))
    assert (found.state, found.owner) == (state, owner)


def test_without_an_adapter_nothing_is_ours() -> None:
    found = registration(survey([OURS], "system", ""))
    assert (found.state, found.owner) == (State.FOREIGN, "system/adapter")


def test_a_doctor_sees_every_metrics_api() -> None:
    dead = api_service("v1beta1.external.metrics.k8s.io", "keda/keda", available=False, message="no pods")
    found = registration(survey([APPS, CPU, dead, OURS], "system", "adapter"))
    assert sorted(found.services) == [
        "v1beta1.external.metrics.k8s.io",
        "v1beta1.metrics.k8s.io",
        "v1beta2.custom.metrics.k8s.io",
    ]
    (keda,) = found.group("external.metrics.k8s.io")
    assert (keda.owner, keda.available, keda.message) == ("keda/keda", False, "no pods")
    assert [one.available for one in found.group("metrics.k8s.io")] == [True]
    assert found.group("apps") == []


def test_an_adapter_that_left_its_registration_behind_is_recognised() -> None:
    left = api_service(
        "v1beta1.custom.metrics.k8s.io", "gone/adapter", available=False, message="service not found"
    )
    found = registration(survey([left], "system", "adapter"))
    assert found.message == (
        "APIService v1beta1.custom.metrics.k8s.io belongs to gone/adapter, and is not available: "
        "service not found."
    )


def verified(bundle: str, certificate: str, host: str, now: dt.datetime) -> bool:
    """As a TLS client does that trusts nothing but the bundle."""
    verifier = PolicyBuilder().store(Store(list(authorities(bundle)))).time(now)
    server = verifier.build_server_verifier(x509.DNSName(host))
    try:
        server.verify(x509.load_pem_x509_certificate(certificate.encode()), [])
    except VerificationError:
        return False
    return True


def test_a_certificate_is_trusted_for_its_host_only_and_for_its_life() -> None:
    issued = issue(HOST, NOW)
    assert fault(issued, HOST, NOW) == ""
    assert verified(issued.authorities, issued.certificate, HOST, NOW)
    assert not verified(issued.authorities, issued.certificate, "other.system.svc", NOW)
    assert not verified(issued.authorities, issued.certificate, HOST, NOW + LIFE)
    assert not verified(issue(HOST, NOW).authorities, issued.certificate, HOST, NOW)


def test_the_next_bundle_trusts_both_certificates_and_forgets_the_one_before() -> None:
    first = issue(HOST, NOW)
    second = issue(HOST, NOW + 60 * DAY, first.authorities)
    third = issue(HOST, NOW + 120 * DAY, second.authorities)
    now = NOW + 61 * DAY
    assert verified(second.authorities, first.certificate, HOST, now)
    assert verified(second.authorities, second.certificate, HOST, now)
    assert len(authorities(third.authorities)) == 2
    assert not verified(third.authorities, first.certificate, HOST, now)
    assert len(authorities(issue(HOST, NOW + 200 * DAY, first.authorities).authorities)) == 1, "expired"


def test_the_authority_s_key_is_nowhere() -> None:
    issued = issue(HOST, NOW)
    (authority,) = authorities(issued.authorities)
    text = issued.authorities + issued.certificate + issued.key
    assert text.count("PRIVATE KEY") == 2, "one key, begun and ended"
    certificate = x509.load_pem_x509_certificate(issued.certificate.encode())
    assert certificate.public_key() != authority.public_key()
    assert fault(replace(issued, certificate=issued.authorities), HOST, NOW) != ""


OTHER = issue(HOST, NOW)
GOOD = issue(HOST, NOW)


@pytest.mark.parametrize(
    ("issued", "now", "reason"),
    [
        pytest.param(Issued(authorities="", certificate="", key=""), NOW, "does not hold", id="empty"),
        pytest.param(replace(GOOD, certificate="x"), NOW, "does not hold", id="garbage"),
        pytest.param(replace(GOOD, authorities=""), NOW, "does not hold", id="no-authority"),
        pytest.param(replace(GOOD, key=OTHER.key), NOW, "its key is not", id="another-key"),
        pytest.param(
            replace(GOOD, authorities=OTHER.authorities), NOW, "not issued by", id="another-authority"
        ),
        pytest.param(issue("x.system.svc", NOW), NOW, "not for adapter.system.svc", id="another-host"),
        pytest.param(GOOD, NOW + LIFE * 0.66, "", id="shortly-before-two-thirds"),
        pytest.param(GOOD, NOW + LIFE * 0.67, "ends on 2027-02-24", id="after-two-thirds"),
        pytest.param(GOOD, NOW + LIFE * 2, "ends on 2027-02-24", id="long-over"),
        pytest.param(GOOD, NOW - DAY, "not valid before", id="from-a-clock-that-was-ahead"),
    ],
)
def test_what_has_to_be_replaced(issued: Issued, now: dt.datetime, reason: str) -> None:
    found = fault(issued, HOST, now)
    assert reason in found
    assert bool(found) == bool(reason)


def test_a_secret_is_read_as_it_was_written() -> None:
    live = {"metadata": {"uid": "u", "resourceVersion": "7"}}
    written = objects.secret("system", "adapter", live, "role", GOOD)
    assert written["metadata"] == {
        "namespace": "system", "name": "adapter", "uid": "u", "resourceVersion": "7",
    }  # fmt: skip
    assert objects.issued_in(written) == GOOD
    assert objects.issued_in({"data": {"tls.crt": "%%%", "tls.key": "/w=="}}) == Issued(
        authorities="", certificate="", key=""
    )


def test_the_api_service_belongs_to_the_chart_s_role() -> None:
    applied = objects.api_service("system", "adapter", "1-2-3", GOOD.authorities)
    assert objects.bundle_in(applied) == GOOD.authorities
    ssl.create_default_context(cadata=objects.bundle_in(applied))
    applied["spec"].pop("caBundle")
    assert applied == {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {
            "name": "v1beta2.custom.metrics.k8s.io",
            "labels": {"app.kubernetes.io/managed-by": "paddlemodel-operator"},
            "ownerReferences": [
                {
                    "apiVersion": "rbac.authorization.k8s.io/v1",
                    "kind": "ClusterRole",
                    "name": "adapter",
                    "uid": "1-2-3",
                }
            ],
        },
        "spec": {
            "group": "custom.metrics.k8s.io",
            "version": "v1beta2",
            "groupPriorityMinimum": 100,
            "versionPriority": 200,
            "service": {"namespace": "system", "name": "adapter", "port": 443},
            "insecureSkipTLSVerify": False,
        },
    }


def test_our_mark_is_taken_off_what_others_have_made_theirs() -> None:
    role = {"kind": "ClusterRole", "name": "adapter", "uid": "1"}
    theirs = {"kind": "ClusterRole", "name": "theirs", "uid": "2"}
    taken = {"metadata": {"resourceVersion": "5", "ownerReferences": [role, theirs]}}
    assert objects.disowned(taken, "adapter") == {
        "metadata": {
            "resourceVersion": "5",
            "ownerReferences": [theirs],
            "labels": {"app.kubernetes.io/managed-by": None},
        }
    }
    assert objects.disowned({"metadata": {"ownerReferences": [theirs]}}, "adapter") is None


def test_an_adapter_needs_a_namespace() -> None:
    with pytest.raises(SettingsError, match="PADDLEMODEL_OPERATOR_NAMESPACE has to say where"):
        from_environment({"PADDLEMODEL_OPERATOR_ADAPTER": "adapter"})


def test_the_api_server_s_changing_words_do_not_change_what_models_are_told() -> None:
    """It names another pod at each try; every model that scales would have its status written each time."""
    woken: list[str] = []
    registrar = Registrar(Mock(), Settings(), on_change=lambda: woken.append("all"))
    messages = []
    for message, available in (("pod a", False), ("pod b", False), ("", True), ("pod c", False)):
        seen = api_service(OURS["metadata"]["name"], "system/adapter", available=available, message=message)
        registrar._publish(registration(survey([seen], "system", "adapter")), "")
        assert registrar.registration is not None
        messages.append(registrar.registration.services[OURS["metadata"]["name"]].message)
    assert messages == ["pod a", "pod a", "", "pod c"]
    assert len(woken) == 3


async def test_nobody_waits_long_for_a_first_round_that_fails_or_never_ends() -> None:
    """The first looks at models wait for it; a broken aggregated API is no reason not to serve them."""
    api = Mock()
    api.list_all = AsyncMock(side_effect=ApiError(503, "ServiceUnavailable", ""))
    failing = Registrar(api, Settings(), on_change=lambda: None)
    task = asyncio.create_task(failing.run())
    async with asyncio.timeout(60):
        await failing.first(600)
    stalled = Registrar(Mock(), Settings(), on_change=lambda: None)
    await stalled.first(0.01)
    assert (failing.registration, stalled.registration) == (None, None)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
