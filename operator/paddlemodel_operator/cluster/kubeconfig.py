"""The API as the person reaches it who types a command: with their kubeconfig and their rights, as kubectl.

The operator itself connects in `api`.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from aiohttp import ClientError
from kubernetes.aio import client, config

from paddlemodel_operator.base import names
from paddlemodel_operator.base.errors import ApiError
from paddlemodel_operator.base.patches import APPLY, MERGE
from paddlemodel_operator.cluster.answers import Object, refusal, unreachable
from paddlemodel_operator.cluster.api import Api

USER_AGENT: Final = "paddlemodel"
ENDLESS_SECONDS: Final = 10 * 365 * 86_400.0
"""Of a log that is followed."""
PAGE_BYTES_MAX: Final = 4 << 20
_NAMESPACE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


class KubeconfigError(Exception):
    """Nobody said which cluster is meant, or not well; the text says what is wrong."""


@dataclass(frozen=True, kw_only=True)
class Page:
    """What somebody behind the API server answers."""

    status: int
    body: bytes


async def connect(kubeconfig: str | None, context: str | None, seconds: float) -> "UserApi":
    """As kubectl does: the file that is named, else KUBECONFIG, else ~/.kube/config, else the pod's account.

    Args:
        kubeconfig: the file's name.
        context: one of its contexts; by default the current one.
        seconds: how long a request may last.

    Raises:
        KubeconfigError: there is none, or it cannot be used.
    """
    settings = client.Configuration(client_session_kwargs={"trust_env": False})
    try:
        # The client has no types here.
        loader = await config.load_kube_config(  # type: ignore[no-untyped-call]
            config_file=kubeconfig, context=context, client_configuration=settings, persist_config=False
        )
        namespace = loader.current_context["context"].get("namespace")
    except Exception as error:  # noqa: BLE001 - the loader lets pass whatever a wrong file leads to
        if kubeconfig or context or not _NAMESPACE.exists():
            raise KubeconfigError(" ".join(str(error).split())) from None
        # As above.
        config.load_incluster_config(client_configuration=settings)  # type: ignore[no-untyped-call]
        namespace = _NAMESPACE.read_text().strip()
    _use_proxy(settings)
    return UserApi(client.ApiClient(settings), seconds, namespace or "default")


def _use_proxy(settings: client.Configuration) -> None:
    """That of the environment, as kubectl does, unless the kubeconfig names one."""
    place = urlsplit(settings.host)
    if not settings.proxy and not proxy_bypass(place.netloc):
        settings.proxy = getproxies().get(place.scheme)


class UserApi(Api):
    """What commands ask besides: dry runs, and what the API server hands on from pods and nodes."""

    def __init__(self, api_client: client.ApiClient, timeout: float, namespace: str) -> None:
        super().__init__(api_client, timeout)
        self._client.user_agent = USER_AGENT
        self.namespace = namespace
        """The context's."""

    async def dry_apply(
        self, kind: names.Kind, desired: Mapping[str, Any], manager: str, *, force: bool = True
    ) -> Object:
        """What a server-side apply would make of an object; nothing is kept.

        Raises:
            ApiError: refused; 409 without `force` where another manager owns a field.
        """
        metadata = desired["metadata"]
        query = {"fieldManager": manager, "force": str(force).lower(), "dryRun": "All"}
        return await self._send(
            "PATCH", kind.item(metadata["namespace"], metadata["name"]), query, desired, APPLY
        )

    async def dry_merge(
        self, kind: names.Kind, namespace: str, name: str, patch: Mapping[str, Any]
    ) -> Object:
        """What a merge patch would make of an object; nothing is kept."""
        query = {"fieldManager": "kubectl-client-side-apply", "dryRun": "All"}
        return await self._send("PATCH", kind.item(namespace, name), query, patch, MERGE)

    async def read(self, path: str, query: Mapping[str, str] | None = None) -> Object:
        """A JSON object of the API that is of no kind that the operator knows."""
        return await self._send("GET", path, query)

    async def page(self, path: str) -> Page:
        """Whatever answers behind a path of the API server, such as a pod's metrics through its proxy.

        Raises:
            ApiError: the API server refuses, or does not reach the other side.
        """
        try:
            response = await self._open("GET", path)
            body = await response.response.content.read(PAGE_BYTES_MAX)
            while len(body) < PAGE_BYTES_MAX and (more := await response.response.content.read(1 << 20)):
                body += more
            response.response.close()
        except (OSError, TimeoutError, ClientError, client.ApiException) as error:
            raise unreachable(error) from error
        if response.status >= 300 and b'"kind":"Status"' in body[:200]:
            raise refusal(response.status, response.headers, body)
        return Page(status=response.status, body=body)

    async def lines(self, path: str, query: Mapping[str, str]) -> AsyncIterator[bytes]:
        """The lines of a log, without their ends, as they come.

        Raises:
            ApiError: refused, or the connection broke.
        """
        try:
            response = await self._open("GET", path, query, limit=ENDLESS_SECONDS)
            if response.status >= 300:
                raise refusal(response.status, response.headers, await response.read())
            rest = b""
            async for chunk in response.response.content.iter_any():
                *whole, rest = (rest + chunk).split(b"\n")
                for line in whole:
                    yield line
            if rest:
                yield rest
        except (OSError, TimeoutError, ClientError, client.ApiException) as error:
            raise unreachable(error) from error


def proxied(namespace: str, pod: str, port: int, path: str, *, tls: bool = False) -> str:
    """The path of the API server at which a pod answers; it needs the right to get pods/proxy."""
    scheme = "https:" if tls else ""
    return f"{names.POD.item(namespace, scheme + pod)}:{port}/proxy/{path.lstrip('/')}"


def is_forbidden(error: ApiError) -> bool:
    """Whether the person has not the right."""
    return error.code in {401, 403}
