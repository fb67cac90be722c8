"""Contour, compiled, with the rights of its own manifests, and the stock Envoy that PyPI brings.

The two speak without TLS here, on loopback, which is this installation's doing and not their default.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from devcluster import ports
from devcluster.builders.programs import build, program
from devcluster.neighbours.host import Host, manifests, namespace, only
from tests.neighbours.gateways.door import PARENT, Door, definitions, gateway
from tests.neighbours.gateways.traefik import ENVIRONMENT

Object = dict[str, Any]

MODULE = "contour"
NAMESPACE = "projectcontour"
_CONTAINER_PORT = 8000  # Contour's Envoy listens so much above the port of a Gateway's listener
_WITHOUT = ("tlsroutes", "tcproutes", "backendtlspolicies")  # of versions that Gateway API 1.6 has no more


@contextmanager
def running(host: Host) -> Iterator[Door]:
    """With the Gateway `public`."""
    build((MODULE,))
    web, xds, *others = ports.free(7)
    found = Door("Contour", web, exact=False)
    defined = definitions(host)
    own = _manifests()
    objects = [*own, *gateway("contour", "projectcontour.io/gateway-controller", web=web - _CONTAINER_PORT)]
    host.apply(namespace("infra"), *own)
    host.apply(*objects)
    with (
        host.process("contour", _serve(host, xds, others), {"CONTOUR_NAMESPACE": NAMESPACE}),
        host.process("envoy", _envoy(host.folder, xds)),
    ):
        yield found
    host.delete(*objects)
    host.delete(*defined)


def _manifests() -> list[Object]:
    """Namespace, account, definitions and rights."""
    files = [
        f"examples/contour/{name}.yaml" for name in ("00-common", "01-crds", "02-role-contour", "02-rbac")
    ]
    found = manifests(MODULE, "github.com/projectcontour/contour", *files)
    rights = ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")
    return only(found, "Namespace", "ServiceAccount", "CustomResourceDefinition", *rights)


def _serve(host: Host, xds: int, free: list[int]) -> list[str]:
    config = host.folder / "contour.yaml"
    parent = {key: PARENT[key] for key in ("name", "namespace")}
    config.write_text(yaml.safe_dump({"gateway": {"gatewayRef": parent}}))
    listening = ("http", "health", "stats", "debug-http", "envoy-service-https")
    own = zip(listening, free, strict=True)
    return [
        program(MODULE, "contour"), "serve", f"--kubeconfig={host.kubeconfig(NAMESPACE, 'contour')}",
        f"--config-path={config}", "--insecure", "--xds-address=127.0.0.1", f"--xds-port={xds}",
        "--envoy-service-http-address=127.0.0.1",
        *(word for name, port in own for word in (f"--{name}-address=127.0.0.1", f"--{name}-port={port}")),
        *(f"--disable-feature={name}" for name in _WITHOUT),
    ]  # fmt: skip


def _envoy(folder: Path, xds: int) -> list[str]:
    """Its command line, for the configuration that Contour writes."""
    bootstrap = folder / "envoy.json"
    words = f"bootstrap {bootstrap} --xds-address=127.0.0.1 --xds-port={xds}"
    contour = f"{program(MODULE, 'contour')} {words} --admin-address={folder / 'envoy.sock'}"
    envoy = f"{ENVIRONMENT.python().parent / 'envoy'} -c {bootstrap} --service-cluster {NAMESPACE}"
    node = "--service-node envoy --log-level warning --concurrency 1 --use-dynamic-base-id"
    return ["sh", "-ec", f"{contour}; exec {envoy} {node}"]
