"""The operator's table of contents, and the only file that knows kopf.

Each handler hands one event to the controller; none carries logic. `run` starts the process; also
`kopf run -m paddlemodel_operator.handlers --all-namespaces --standalone` works.
"""

import asyncio
import gc
import logging
import os
import socket
import uuid
from typing import Any

import kopf
from paddlemodel_api import contract

from paddlemodel_operator.cluster.api import PAGE, SILENCE_SECONDS, connect
from paddlemodel_operator.cluster.election import REQUEST_PART, Election
from paddlemodel_operator.cluster.endpoint import Endpoint
from paddlemodel_operator.cluster.watch import WATCH_SECONDS, scopes
from paddlemodel_operator.controller import Controller
from paddlemodel_operator.log_level import LevelFile
from paddlemodel_operator.settings import Settings, from_environment

log = logging.getLogger(__name__)


@kopf.on.startup()
async def start(settings: kopf.OperatorSettings, memo: kopf.Memo, **_: object) -> None:
    """Read the environment, set kopf up as an informer that writes nothing, start the controller."""
    mine = from_environment(os.environ)
    _configure(settings, mine)
    memo.controller = await _controller(mine)
    memo.endpoint = Endpoint(mine.health_bind, memo.controller.health, memo.controller.metrics)
    await memo.endpoint.start()
    if mine.log_level_file is not None:
        level = LevelFile(mine.log_level_file, mine.log_level, _set_level)
        memo.level = asyncio.create_task(level.follow(), name="log level")
    await memo.controller.start()


@kopf.on.cleanup()
async def stop(memo: kopf.Memo, **_: object) -> None:
    """Close the endpoint, then stop the controller."""
    await memo.endpoint.stop()
    await memo.controller.stop()


@kopf.on.login()
async def login(**_: object) -> kopf.ConnectionInfo:
    """As the rest of the operator: by the kubeconfig that KUBECONFIG names, else as the pod's account."""
    async with await connect(30) as api:
        found = api.configuration
        scheme, token = (found.api_key.get("BearerToken", "") + " ").split(" ")[:2]
        return kopf.ConnectionInfo(
            server=found.host,
            ca_path=found.ssl_ca_cert,
            insecure=not found.verify_ssl,
            certificate_path=found.cert_file,
            private_key_path=found.key_file,
            scheme=scheme or None,
            token=token or None,
        )


# Always with group and version: one handler without makes kopf scan every API group, and any broken
# aggregated API would then keep the operator from starting.
@kopf.on.event(contract.GROUP, contract.VERSION, contract.PLURAL)
async def on_event(event: kopf.RawEvent, memo: kopf.Memo, **_: object) -> None:
    """A PaddleModel was created, changed or deleted, or was there at the start."""
    memo.controller.on_event(event["type"], event["object"])


async def _controller(mine: Settings) -> Controller:
    """With an election, if a Lease is named: then each of its writes asks whether we still lead."""
    instance = socket.gethostname()
    # Each watch has a connection of its own.
    pool = 100 + len(scopes(mine.watch_namespaces, gateway_api=mine.gateway_api))
    if not mine.lease:
        api = await connect(mine.request_timeout_seconds, pool=pool)
        return Controller(api, mine, instance)
    identity = f"{instance}_{uuid.uuid4()}"
    elected = Election(
        await connect(REQUEST_PART * mine.lease_seconds),
        (mine.namespace, mine.lease),
        identity,
        mine.lease_seconds,
    )
    api = await connect(mine.request_timeout_seconds, elected.remaining, pool)
    return Controller(api, mine, instance, elected)


class NoDiffs(kopf.DiffBaseStorage):
    """kopf would copy every object, to compare it with the next one; a reconcile never asks what changed."""

    def build(self, **_: object) -> Any:
        """Nothing, of whatever object."""
        return {}

    def fetch(self, **_: object) -> None:
        """Nothing was stored."""

    def store(self, **_: object) -> None:
        """Nothing is stored."""


def _configure(settings: kopf.OperatorSettings, mine: Settings) -> None:
    settings.posting.enabled = False  # Events are ours, on transitions only.
    settings.scanning.disabled = (
        True  # The controller waits for the definition; no right on others is needed.
    )
    # As our own watches: an end that does not come is how a dead connection is noticed.
    settings.watching.server_timeout = WATCH_SECONDS
    settings.watching.client_timeout = WATCH_SECONDS + SILENCE_SECONDS
    settings.watching.connect_timeout = 10
    settings.watching.chunk_size = PAGE
    settings.persistence.diffbase_storage = NoDiffs()
    settings.networking.request_timeout = mine.request_timeout_seconds
    settings.networking.error_backoffs = [1, 2, 4, 8, 16, 30]
    # So long a worker waits for another event of its object, which it holds, while other objects queue.
    settings.queueing.idle_timeout = 0.05
    settings.queueing.worker_limit = 64


def _configure_logging(mine: Settings) -> None:
    form = kopf.LogFormat.JSON if mine.log_format == "json" else kopf.LogFormat.FULL
    kopf.configure(debug=mine.log_level == "DEBUG", log_format=form)
    _set_level(mine.log_level)


def _set_level(level: str) -> None:
    logging.getLogger().setLevel(level)
    # kopf logs every handled event and every probe; the controller logs what was done.
    for name in ("kopf.objects", "kopf.activities", "kopf._core.engines.activities"):
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))


def _without_watches() -> kopf.OperatorRegistry:
    registry = kopf.OperatorRegistry()
    kopf.on.startup(registry=registry)(start)
    kopf.on.cleanup(registry=registry)(stop)
    kopf.on.login(registry=registry)(login)
    return registry


def run() -> int:
    """The whole process; returns its exit code."""
    mine = from_environment(os.environ)
    _configure_logging(mine)
    # What is imported stays; each full collection would look through it for a tenth of a second.
    gc.collect()
    gc.freeze()
    try:
        if mine.watch_namespaces:
            # It ends where one namespace is forbidden, so that the controller follows the models itself.
            kopf.run(registry=_without_watches(), standalone=True, clusterwide=True)
        else:
            kopf.run(standalone=True, clusterwide=True)
    except Exception as error:  # noqa: BLE001 - whatever ended it, the kubelet starts a fresh process
        # For example the definition was deleted: kopf's watch ends, and a fresh start waits for its return.
        log.error("Ending, to be started again: %s: %s", type(error).__name__, error)  # noqa: TRY400 - as above
        return 1
    return 0
