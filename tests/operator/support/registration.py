"""The registrar as a test holds it: on a real control plane, under the chart's rights, with a clock to turn.

The fixture `chart` in conftest.py makes one for each test.
"""

import asyncio
import base64
import datetime as dt
import json
from pathlib import Path
from typing import Any

from cryptography import x509
from kubernetes.aio import client
from paddlemodel_operator.base import names
from paddlemodel_operator.cluster.api import Api
from paddlemodel_operator.registration import objects
from paddlemodel_operator.registration.certificates import authorities, fault
from paddlemodel_operator.registration.ownership import Registration
from paddlemodel_operator.registration.registrar import Registrar
from paddlemodel_operator.settings import Settings

from tests.operator.support.cluster import WRITES, Cluster
from tests.operator.support.process import USER
from tests.repository.helm import charts
from tests.repository.helm.charts import ADAPTER, NAMESPACE

Object = dict[str, Any]
START = dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC)
HOST = objects.host(NAMESPACE, ADAPTER)
API_SERVICES = [f"{version}.{names.CUSTOM_METRICS_GROUP}" for version in ("v1beta1", "v1beta2")]
PATH = names.API_SERVICE.item(None, names.METRICS_API_SERVICE)


def foreign_registration(version: str) -> Object:
    """Somebody else's registration; nothing answers behind it."""
    return {
        "apiVersion": names.API_SERVICE.api_version,
        "kind": names.API_SERVICE.kind,
        "metadata": {"name": f"{version}.{names.CUSTOM_METRICS_GROUP}"},
        "spec": {
            "group": names.CUSTOM_METRICS_GROUP,
            "version": version,
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            "insecureSkipTLSVerify": True,
            "service": {"namespace": "default", "name": "theirs"},
        },
    }


def is_trusted(bundle: str, issued: objects.Issued) -> bool:
    """Whether an authority of the bundle has issued it."""
    certificate = x509.load_pem_x509_certificate(issued.certificate.encode())
    identifier = certificate.extensions.get_extension_for_class(
        x509.AuthorityKeyIdentifier
    ).value.key_identifier
    for authority in authorities(bundle):
        found = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.key_identifier
        if found == identifier:
            certificate.verify_directly_issued_by(authority)
            return True
    return False


class Chart:
    """What the registrar finds and leaves, as the administrator sees it; with a clock of its own."""

    def __init__(self, cluster: Cluster, api: Api) -> None:
        self.cluster = cluster
        self.api = api
        self.now = START
        self.changes = 0

    def registrar(self, **settings: str) -> Registrar:
        given = Settings.model_validate({"namespace": NAMESPACE, "adapter": ADAPTER, **settings})
        return Registrar(self.api, given, on_change=self._changed, now=lambda: self.now)

    def _changed(self) -> None:
        self.changes += 1

    def service(self) -> Object:
        answer = self.cluster.http.get(PATH)
        found: Object = answer.raise_for_status().json()
        return found

    def is_registered(self) -> bool:
        return self.cluster.http.get(PATH).status_code == 200

    def is_available(self) -> bool:
        conditions = self.service().get("status", {}).get("conditions", ())
        return any((one["type"], one["status"]) == ("Available", "True") for one in conditions)

    def answers(self) -> int:
        """What a client that asks for the API of pods' metrics gets from the API server."""
        version, _, group = names.METRICS_API_SERVICE.partition(".")
        return self.cluster.http.get(f"/apis/{group}/{version}").status_code

    def secret(self) -> Object:
        return self.cluster.need(names.SECRET, NAMESPACE, ADAPTER)

    def holds(self) -> objects.Issued:
        """The certificate in the Secret, which must be good now."""
        issued = objects.issued_in(self.secret())
        assert fault(issued, HOST, self.now) == ""
        return issued

    def trusts(self) -> str:
        return objects.bundle_in(self.service())

    def writes(self, since: int) -> list[str]:
        """What the operator's account has written, in order."""
        lines = self.cluster.audit_log.read_bytes()[since:].decode().splitlines()
        entries = [json.loads(line) for line in lines if line.endswith("}")]
        return [
            f"{entry['verb']} {entry['objectRef']['resource']} {entry['responseStatus']['code']}"
            for entry in entries
            if entry["user"]["username"] == USER and entry["verb"] in WRITES
        ]


def connected(cluster: Cluster, folder: Path) -> Api:
    """As the operator's pod: with the token of its service account."""
    token = cluster.kubectl("create", "token", charts.RELEASE, "-n", NAMESPACE).strip()
    authority = folder / "ca.crt"
    authority.write_bytes(base64.b64decode(cluster.authority))
    settings = client.Configuration(host=cluster.server)
    settings.ssl_ca_cert = str(authority)
    settings.api_key = {"BearerToken": f"Bearer {token}"}
    return Api(client.ApiClient(settings), 30)


async def settle(*registrars: Registrar) -> Registration:
    """Rounds until nothing is left to write; a conflict is a reason for another one, as in production."""
    for _ in range(20):
        if not any(await asyncio.gather(*(one._attempt() for one in registrars))):
            found = registrars[0].registration
            assert found is not None
            return found
    raise AssertionError("it never comes to rest")
