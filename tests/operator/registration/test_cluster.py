"""The registrar's certificate and its registration, on a real API server under the chart's own rights."""

import base64
from typing import Any

import pytest
from paddlemodel_operator.base import names
from paddlemodel_operator.registration.certificates import LIFE, authorities, issue
from paddlemodel_operator.registration.ownership import State

from tests.operator.support.cluster import eventually
from tests.operator.support.registration import HOST, PATH, START, Chart, is_trusted, settle
from tests.repository.helm.charts import ADAPTER, NAMESPACE

pytestmark = pytest.mark.control_plane

Object = dict[str, Any]
OTHER = issue(HOST, START)


async def test_the_secret_is_filled_and_the_adapter_registered(chart: Chart) -> None:
    mark = chart.cluster.mark()
    found = await settle(chart.registrar())
    assert (found.state, found.owner) == (State.OURS_UNAVAILABLE, f"{NAMESPACE}/{ADAPTER}")
    assert found.message != "", "why the API server cannot reach it"
    assert chart.trusts() == chart.holds().authorities
    (owner,) = chart.service()["metadata"]["ownerReferences"]
    role = chart.cluster.http.get(names.CLUSTER_ROLE.item(None, ADAPTER)).json()
    assert (owner["kind"], owner["uid"]) == ("ClusterRole", role["metadata"]["uid"])
    eventually(lambda: chart.writes(mark) == ["patch secrets 200", "patch apiservices 201"])


async def test_an_operator_that_starts_again_writes_nothing(chart: Chart) -> None:
    await settle(chart.registrar())
    before, mark = (chart.service()["spec"], chart.secret()["data"]), chart.cluster.mark()
    for _ in range(3):
        await chart.registrar().step()
    # The audit log is in order: what is written last is told last.
    await chart.api.merge(names.API_SERVICE, chart.service(), {"metadata": {"labels": {"seen": "yes"}}})
    eventually(lambda: chart.writes(mark) == ["patch apiservices 200"])
    assert (chart.service()["spec"], chart.secret()["data"]) == before


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param({"spec": {"caBundle": None, "insecureSkipTLSVerify": True}}, id="nobody-is-verified"),
        pytest.param(
            {"spec": {"caBundle": base64.b64encode(OTHER.authorities.encode()).decode()}},
            id="another-authority",
        ),
        pytest.param({"spec": {"versionPriority": 7}}, id="another-priority"),
        pytest.param({"spec": {"service": {"port": 8443}}}, id="another-port"),
        pytest.param({"metadata": {"ownerReferences": None}}, id="nobody-s"),
        pytest.param({"metadata": {"labels": None}}, id="without-label"),
    ],
)
async def test_an_edit_of_the_registration_is_undone(chart: Chart, edit: Object) -> None:
    registrar = chart.registrar()
    await settle(registrar)
    before = chart.service()
    chart.cluster.patch(PATH, edit)
    await settle(registrar)
    after = chart.service()
    assert after["spec"] == before["spec"]
    assert after["metadata"]["ownerReferences"] == before["metadata"]["ownerReferences"]
    assert after["metadata"]["labels"] == before["metadata"]["labels"]


async def test_a_deleted_registration_comes_back(chart: Chart) -> None:
    registrar = chart.registrar()
    await settle(registrar)
    before = chart.holds()
    chart.cluster.kubectl("delete", "apiservice", names.METRICS_API_SERVICE)
    await settle(registrar)
    assert chart.is_registered()
    assert chart.holds() == before, "the adapters go on with what they have"


@pytest.mark.parametrize("way", ["deleted", "emptied", "garbled", "another-key"])
async def test_a_spoilt_secret_is_filled_again_and_its_last_authority_stays_trusted(
    chart: Chart, way: str
) -> None:
    registrar = chart.registrar()
    await settle(registrar)
    before, mark = chart.holds(), chart.cluster.mark()
    path = names.SECRET.item(NAMESPACE, ADAPTER)
    match way:
        case "deleted":
            chart.cluster.kubectl("delete", "secret", ADAPTER, "-n", NAMESPACE)
        case "emptied":
            chart.cluster.patch(path, {"data": None})
        case "garbled":
            chart.cluster.patch(path, {"data": {"tls.crt": base64.b64encode(b"\xff").decode()}})
        case _:
            chart.cluster.patch(
                path, {"data": {"tls.key": base64.b64encode(before.certificate.encode()).decode()}}
            )
    await settle(registrar)
    after = chart.holds()
    assert after.certificate != before.certificate
    assert chart.trusts() == after.authorities
    assert authorities(before.authorities)[0] in authorities(chart.trusts())
    owners = [one["kind"] for one in chart.secret()["metadata"].get("ownerReferences", ())]
    assert owners == (["ClusterRole"] if way == "deleted" else []), "what comes back goes with the chart, too"
    first_trust_then_show = ["patch apiservices 200", f"patch secrets {201 if way == 'deleted' else 200}"]
    eventually(lambda: chart.writes(mark) == first_trust_then_show)


async def test_a_certificate_is_renewed_after_two_thirds_of_its_life(chart: Chart) -> None:
    await settle(chart.registrar())
    first = chart.holds()
    chart.now = START + LIFE * 0.66
    await settle(chart.registrar())
    assert chart.holds() == first
    chart.now, mark = START + LIFE * 0.67, chart.cluster.mark()
    await settle(chart.registrar())
    second = chart.holds()
    assert len(authorities(chart.trusts())) == 2
    for shown in (first, second):
        assert is_trusted(chart.trusts(), shown)
    eventually(lambda: chart.writes(mark) == ["patch apiservices 200", "patch secrets 200"])
    chart.now = START + LIFE * 1.34
    await settle(chart.registrar())
    assert not is_trusted(chart.trusts(), first), "nobody shows it any more"
    assert is_trusted(chart.trusts(), second)


async def test_an_operator_killed_between_the_two_writes_leaves_nothing_broken(
    chart: Chart, monkeypatch: pytest.MonkeyPatch
) -> None:
    await settle(chart.registrar())
    first = chart.holds()
    chart.now = START + LIFE * 0.7
    killed = chart.registrar()
    apply = chart.api.apply

    async def apply_until(kind: names.Kind, *arguments: Any, **options: Any) -> Object:
        if kind == names.SECRET:
            raise KeyboardInterrupt
        return await apply(kind, *arguments, **options)

    monkeypatch.setattr(chart.api, "apply", apply_until)
    with pytest.raises(KeyboardInterrupt):
        await killed.step()
    monkeypatch.undo()
    assert is_trusted(chart.trusts(), first)
    await settle(chart.registrar())
    assert chart.trusts() == chart.holds().authorities
    assert is_trusted(chart.trusts(), first)


async def test_operators_that_renew_at_the_same_time_do_no_harm(chart: Chart) -> None:
    registrars = [chart.registrar() for _ in range(3)]
    await settle(*registrars)
    before = chart.holds()
    for round_ in range(1, 6):
        chart.now = START + LIFE * 0.7 * round_
        await settle(*registrars)
        after = chart.holds()
        assert chart.trusts() == after.authorities
        assert is_trusted(chart.trusts(), before)
        before = after
