"""Who serves the metrics of pods: other adapters come and go, so does our chart; one has to be there."""

import datetime as dt
import logging
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from paddlemodel_api import contract
from paddlemodel_operator.base import names
from paddlemodel_operator.cluster.answers import Listing
from paddlemodel_operator.registration import objects
from paddlemodel_operator.registration.certificates import LIFE
from paddlemodel_operator.registration.ownership import State

from tests.operator.support.cluster import Cluster, eventually
from tests.operator.support.process import USER
from tests.operator.support.registration import PATH, Chart, foreign_registration, settle
from tests.repository.helm import charts
from tests.repository.helm.charts import ADAPTER, NAMESPACE

pytestmark = pytest.mark.control_plane

Object = dict[str, Any]


async def test_another_adapter_is_left_alone_and_ours_returns_when_it_leaves(chart: Chart) -> None:
    registrar = chart.registrar()
    await settle(registrar)
    chart.cluster.apply(foreign_registration("v1beta1"))
    found = await settle(registrar)
    assert (found.state, found.owner) == (State.FOREIGN, "default/theirs")
    assert found.message.startswith(
        "APIService v1beta1.custom.metrics.k8s.io belongs to default/theirs, and is"
    )
    assert not chart.is_registered()
    chart.holds()  # so that the adapter's pods can start
    chart.cluster.kubectl("delete", "apiservice", "v1beta1.custom.metrics.k8s.io")
    assert (await settle(registrar)).state == State.OURS_UNAVAILABLE
    assert chart.is_registered()


async def test_another_adapter_that_was_first_keeps_our_own_version(chart: Chart) -> None:
    theirs = foreign_registration("v1beta2")
    chart.cluster.apply(theirs)
    mark = chart.cluster.mark()
    found = await settle(chart.registrar())
    assert (found.state, found.owner) == (State.FOREIGN, "default/theirs")
    assert chart.service()["spec"]["service"]["name"] == "theirs"
    eventually(lambda: chart.writes(mark) == ["patch secrets 200"])


async def test_what_another_adapter_took_no_longer_goes_with_our_chart(chart: Chart) -> None:
    """Another adapter's manifest, applied over ours, changes it in place and leaves our owner in it."""
    registrar = chart.registrar()
    await settle(registrar)
    theirs = {"service": {"namespace": "default", "name": "theirs"}, "caBundle": None}
    chart.cluster.patch(PATH, {"spec": {**theirs, "insecureSkipTLSVerify": True}})
    assert chart.service()["metadata"]["ownerReferences"]
    assert (await settle(registrar)).state == State.FOREIGN
    metadata = chart.service()["metadata"]
    assert metadata.get("ownerReferences", []) == []
    assert contract.MANAGED_BY_LABEL not in metadata.get("labels", {})
    assert chart.service()["spec"]["service"]["name"] == "theirs"


@pytest.mark.parametrize("was_ours", [False, True], ids=["creates-it", "changes-ours"])
async def test_another_adapter_that_is_faster_than_our_write_is_not_overwritten(
    chart: Chart, monkeypatch: pytest.MonkeyPatch, was_ours: bool
) -> None:
    registrar = chart.registrar()
    if was_ours:
        await settle(registrar)
        chart.cluster.patch(PATH, {"spec": {"versionPriority": 7}})  # something for us to put right
    listing = chart.api.list_all

    async def list_too_early(kind: names.Kind) -> Listing:
        found = await listing(kind)
        if was_ours:
            theirs = {"service": {"namespace": "default", "name": "theirs"}, "caBundle": None}
            chart.cluster.patch(PATH, {"spec": {**theirs, "insecureSkipTLSVerify": True}})
        else:
            chart.cluster.apply(foreign_registration("v1beta2"))
        return found

    monkeypatch.setattr(chart.api, "list_all", list_too_early)
    assert await registrar._attempt(), "a conflict is a reason to look again at once"
    monkeypatch.undo()
    assert chart.service()["spec"]["service"]["name"] == "theirs"
    assert (await settle(registrar)).state == State.FOREIGN


async def test_two_releases_do_not_fight(chart: Chart) -> None:
    await settle(chart.registrar())
    mark = chart.cluster.mark()
    other = chart.registrar(metrics_source="none", adapter="another-metrics-adapter")
    found = await settle(other)
    assert (found.state, found.owner) == (State.FOREIGN, f"{NAMESPACE}/{ADAPTER}")
    assert chart.writes(mark) == []


@pytest.mark.parametrize("source", ["prometheusAdapter", "keda", "none"])
async def test_with_another_source_ours_is_taken_back_and_theirs_still_seen(
    chart: Chart, source: str
) -> None:
    await settle(chart.registrar())
    found = await settle(chart.registrar(metrics_source=source))
    assert (found.state, found.message) == (State.ABSENT, "")
    assert not chart.is_registered()
    chart.cluster.apply(foreign_registration("v1beta1"))
    found = await settle(chart.registrar(metrics_source=source))
    assert (found.state, found.owner) == (State.FOREIGN, "default/theirs")
    assert [one.available for one in found.group(names.CUSTOM_METRICS_GROUP)] == [False]


async def test_without_a_pod_of_the_adapter_nothing_is_registered(chart: Chart) -> None:
    """What is registered and does not answer holds up the deletion of every namespace of the cluster."""
    deployment = charts.one(charts.render(), "Deployment", ADAPTER)
    chart.cluster.apply(deployment)
    try:
        registrar = chart.registrar()
        found = await settle(registrar)
        assert (found.state, found.message) == (
            State.ABSENT,
            f"Deployment {NAMESPACE}/{ADAPTER} has no available pod yet.",
        )
        chart.holds()
        pods = eventually(lambda: chart.cluster.all(names.POD, NAMESPACE))
        ready = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
        chart.cluster.set_pod_status(pods[0], ready)
        eventually(
            lambda: "availableReplicas" in chart.cluster.need(names.DEPLOYMENT, NAMESPACE, ADAPTER)["status"]
        )
        await settle(registrar)
        assert chart.is_registered()
    finally:
        chart.cluster.kubectl("delete", "deployment", ADAPTER, "-n", NAMESPACE)


async def test_the_registration_goes_with_the_chart_and_is_not_made_again(chart: Chart) -> None:
    registrar = chart.registrar()
    await settle(registrar)
    chart.cluster.kubectl("delete", "secret", ADAPTER, "-n", NAMESPACE)
    await settle(registrar)
    chart.cluster.kubectl("delete", "clusterrole", ADAPTER)
    eventually(lambda: not chart.is_registered())
    eventually(lambda: chart.cluster.get(names.SECRET, NAMESPACE, ADAPTER) is None)
    found = await settle(registrar)
    assert (found.state, found.message) == (
        State.ABSENT,
        f"ClusterRole {ADAPTER} is missing: helm upgrade puts it back.",
    )
    assert not chart.is_registered()


async def test_a_lost_right_is_told_once_and_stops_nothing(
    chart: Chart, caplog: pytest.LogCaptureFixture
) -> None:
    registrar = chart.registrar()
    await settle(registrar)
    role = charts.one(charts.render(), "ClusterRole")
    less = {**role, "rules": [rule for rule in role["rules"] if "apiservices" not in rule["resources"]]}
    chart.cluster.apply(less)
    seen = ("auth", "can-i", "list", "apiservices", f"--as={USER}")
    eventually(lambda: chart.cluster.kubectl(*seen, check=False).strip().startswith("no"))
    caplog.clear()
    with caplog.at_level(logging.WARNING, "paddlemodel_operator"):
        for _ in range(3):
            assert not await registrar._attempt()
    (message,) = caplog.messages
    assert "Cannot see who answers for custom.metrics.k8s.io: 403" in message
    assert registrar.registration is not None, "what was seen last"
    chart.cluster.apply(role)
    eventually(lambda: chart.cluster.kubectl(*seen, check=False).strip().startswith("yes"))
    assert (await settle(registrar)).state == State.OURS_UNAVAILABLE


async def test_models_are_looked_at_again_when_something_turns_and_only_then(chart: Chart) -> None:
    registrar = chart.registrar()
    await settle(registrar)
    before = chart.changes
    await settle(registrar)
    assert chart.changes == before
    chart.cluster.apply(foreign_registration("v1beta1"))
    await settle(registrar)
    assert chart.changes > before


class Adapter(ThreadingHTTPServer):
    """Answers the API server's question whether anybody is there, with the certificate of a Secret."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 443), Discovery)
        self._pair = folder / "pair.pem"
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.socket = self._context.wrap_socket(self.socket, server_side=True)
        self.thread = threading.Thread(target=self.serve_forever)
        self.thread.start()

    def show(self, issued: objects.Issued) -> None:
        """From the next connection on."""
        self._pair.write_text(issued.key + issued.certificate)
        self._context.load_cert_chain(self._pair)


class Discovery(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(
            b'{"kind": "APIResourceList", "groupVersion": "custom.metrics.k8s.io/v1beta2", "resources": []}'
        )

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def adapter(cluster: Cluster, tmp_path: Path) -> Iterator[Adapter]:
    """Where the API server finds it: there is no network of pods here, so the Service names another host."""
    try:
        server = Adapter(tmp_path)
    except PermissionError:
        pytest.skip("needs the right to listen on port 443")
    ours = charts.one(charts.render(), "Service", ADAPTER)
    cluster.kubectl("delete", "service", ADAPTER, "-n", NAMESPACE)
    cluster.apply({**ours, "spec": {"type": "ExternalName", "externalName": "localhost"}})
    yield server
    server.shutdown()
    server.thread.join()
    server.server_close()
    cluster.kubectl("delete", "service", ADAPTER, "-n", NAMESPACE)
    cluster.apply(ours)


async def test_the_api_server_trusts_what_an_adapter_shows_before_and_after_a_renewal(
    chart: Chart, adapter: Adapter
) -> None:
    """Also what a pod still shows that has not noticed; but not what nobody should show any more."""
    registrar = chart.registrar()
    # The API server's clock is the machine's: the first certificate is from the past, and due.
    today = chart.now = dt.datetime.now(dt.UTC)
    chart.now = today - LIFE * 0.7
    await settle(registrar)
    first = chart.holds()
    adapter.show(first)
    eventually(lambda: chart.answers() == 200)
    chart.now = today
    await settle(registrar)
    second = chart.holds()
    assert second != first
    for shown in (first, second):
        adapter.show(shown)
        eventually(lambda: chart.answers() == 200)
    eventually(chart.is_available)
    assert (await settle(registrar)).state == State.OURS
    chart.cluster.patch(names.SECRET.item(NAMESPACE, ADAPTER), {"data": None})
    await settle(registrar)
    eventually(lambda: chart.answers() == 200)
    adapter.show(first)
    eventually(lambda: chart.answers() == 503)
