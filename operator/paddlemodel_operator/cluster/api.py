"""The only file that talks to the Kubernetes API: read, server-side apply, delete, status, events.

Plain JSON in and out. A process has one Api, and one more for its election.
"""

import asyncio
import math
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Final, Self
from urllib.parse import urlencode

from aiohttp import ClientError, ClientTimeout
from kubernetes.aio import client, config

from paddlemodel_operator.base import names
from paddlemodel_operator.base.errors import ApiError
from paddlemodel_operator.base.patches import APPLY, MERGE, as_yaml
from paddlemodel_operator.cluster.answers import Listing, Scope, decoded, fault, refusal, unreachable

Object = dict[str, Any]

JSON: Final = "application/json"
GUARD_VALUE: Final = 2**31 - 1
"""Of `names.CREATE_GUARD`: seconds that no object has, also none that is being deleted."""
PAGE: Final = 100
"""Objects of one answer: a page of a thousand would be a megabyte of JSON for each hundred milliseconds."""

SILENCE_SECONDS: Final = 8.0
"""A watch lasts as long as was asked for, and this much longer at most: then nobody is at its other end."""


async def connect(seconds: float, leads: Callable[[], float] = lambda: math.inf, pool: int = 100) -> "Api":
    """As the kubeconfig that KUBECONFIG names, else as the pod's service account; see `Api` for the rest."""
    # Or each request reads ~/.netrc, which is not about this server.
    unread = {"trust_env": False}
    settings = client.Configuration(client_session_kwargs=unread, connection_pool_maxsize=pool)
    if os.environ.get("KUBECONFIG"):
        # The client has no types here.
        load = config.load_kube_config(client_configuration=settings, persist_config=False)  # type: ignore[no-untyped-call]
        await load
    else:
        # As above.
        config.load_incluster_config(client_configuration=settings)  # type: ignore[no-untyped-call]
    return Api(client.ApiClient(settings), seconds, leads)


class Api:
    """A thin client: one method per thing that the operator does."""

    def __init__(
        self, api_client: client.ApiClient, timeout: float, leads: Callable[[], float] = lambda: math.inf
    ) -> None:
        """Requests last `timeout` seconds; writes no longer than `leads` still says, not above 0: refused."""
        self._client = api_client
        self._client.user_agent = names.FIELD_MANAGER
        self._timeout = timeout
        self._leads = leads

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()  # type: ignore[no-untyped-call]  # as above

    @property
    def configuration(self) -> client.Configuration:
        """Where the server is and who we are; kopf logs in with the same."""
        found: client.Configuration = self._client.configuration
        return found

    async def list_all(
        self,
        kind: names.Kind,
        selector: str = "",
        namespace: str | None = None,
        *,
        fields: str = "",
        cached: bool = False,
        trim: Callable[[Object], Object] | None = None,
    ) -> Listing:
        """Every object of a kind, asked for in pages; none of a kind that the cluster does not know (yet).

        `selector`, `namespace` and `fields` are those of a Scope. `cached` asks for what the server has in
        memory, perhaps a moment old; it asks etcd nothing. `trim` says what is kept of every JSON object.
        """
        items: list[Object] = []
        found = 0
        scope = Scope(kind=kind, selector=selector, fields=fields, namespace=namespace)
        async for page in self.pages(scope, cached=cached, trim=trim):
            items += page.items
            found = page.resource_version
        return Listing(items=items, resource_version=found)

    async def pages(
        self, scope: Scope, *, cached: bool = False, trim: Callable[[Object], Object] | None = None
    ) -> AsyncIterator[Listing]:
        """As `list_all`, page by page, so that no list is in memory as a whole; all are of one moment."""
        asked = {
            "limit": str(PAGE),
            "labelSelector": scope.selector,
            "fieldSelector": scope.fields,
            "resourceVersion": "0" if cached else "",
        }
        kind, query = scope.kind, {name: value for name, value in asked.items() if value}
        while True:
            try:
                page = await self._send("GET", kind.collection(scope.namespace), query, trim=trim)
            except ApiError as error:
                if error.code == 404:
                    yield Listing(items=[], resource_version=sys.maxsize)
                    return
                raise
            # Items of a list do not repeat what they are.
            items = [{"apiVersion": kind.api_version, "kind": kind.kind, **item} for item in page["items"]]
            yield Listing(items=items, resource_version=int(page["metadata"]["resourceVersion"]))
            following = page["metadata"].get("continue")
            if not following:
                return
            query["continue"] = following

    async def watch(
        self, scope: Scope, since: int, on_event: Callable[[str, Object], None], seconds: float
    ) -> None:
        """Report what changes after the version `since`, for some seconds, as the server ends it then.

        Args:
            scope: what to watch.
            since: the version of a list, or of the last event.
            on_event: gets ADDED, MODIFIED, DELETED with the object, or BOOKMARK with nothing but a version.
            seconds: how long. A connection whose other end is gone is silent, and so is one of a quiet
                cluster: only an end that does not come tells the one from the other.

        Raises:
            ApiError: refused; 410 where `since` is too old; 0 where the connection broke or was dead.
        """
        asked = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": str(since),
            "timeoutSeconds": str(max(1, int(seconds))),
            "labelSelector": scope.selector,
            "fieldSelector": scope.fields,
        }
        query = {name: value for name, value in asked.items() if value}
        limit = seconds + SILENCE_SECONDS
        try:
            async with asyncio.timeout(limit):
                response = await self._open("GET", scope.kind.collection(scope.namespace), query, limit=limit)
                try:
                    await self._follow(response, on_event)
                finally:
                    response.response.close()  # Of no effect after a regular end.
        except (OSError, TimeoutError, ClientError, client.ApiException) as error:
            raise unreachable(error) from error

    async def _follow(self, response: Any, on_event: Callable[[str, Object], None]) -> None:
        if response.status >= 300:
            raise refusal(response.status, response.headers, await response.read())
        async for line in response.response.content:
            event = decoded(response.status, line)
            if event["type"] == "ERROR":
                raise fault(event["object"].get("code", 0), event["object"])
            on_event(event["type"], event["object"])
            await asyncio.sleep(0)  # Thousands of events may have come at once.

    async def serves(self, kind: names.Kind) -> bool:
        """Whether discovery, from which kopf learns what it may watch, lists a kind."""
        groups = (await self._send("GET", "/apis"))["groups"]
        if kind.group not in {group["name"] for group in groups}:
            return False
        resources = (await self._send("GET", f"/apis/{kind.api_version}"))["resources"]
        return kind.plural in {resource["name"] for resource in resources}

    async def get(self, kind: names.Kind, namespace: str | None, name: str) -> Object | None:
        """One object; None if it does not exist."""
        try:
            return await self._send("GET", kind.item(namespace, name))
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    async def apply(
        self,
        kind: names.Kind,
        desired: Mapping[str, Any],
        manager: str = names.FIELD_MANAGER,
        *,
        force: bool = True,
    ) -> Object:
        """Server-side apply of a whole object; returns what the server made of it."""
        metadata = desired["metadata"]
        query = {"fieldManager": manager, "force": str(force).lower()}
        return await self._send(
            "PATCH", kind.item(metadata.get("namespace"), metadata["name"]), query, desired, APPLY
        )

    async def create(self, kind: names.Kind, desired: Mapping[str, Any]) -> Object | None:
        """Apply an object that does not exist yet; None, and nothing is changed, where its name is taken."""
        guarded = {**desired, "metadata": {**desired["metadata"], names.CREATE_GUARD: GUARD_VALUE}}
        try:
            return await self.apply(kind, guarded)
        except ApiError as error:
            if error.code == 422 and names.CREATE_GUARD in error.message:
                return None
            raise

    async def replace_lists(self, kind: names.Kind, desired: Mapping[str, Any]) -> None:
        """Merge a whole spec, which replaces its lists, and leave no other owner behind."""
        metadata = desired["metadata"]
        path = kind.item(metadata["namespace"], metadata["name"])
        query = {"fieldManager": names.REPAIR_MANAGER}
        live = await self._send("PATCH", path, query, {"spec": desired["spec"]}, MERGE)
        managers = live["metadata"]["managedFields"]
        others = [entry for entry in managers if entry["manager"] != names.REPAIR_MANAGER]
        cleaned = {"managedFields": others, "resourceVersion": live["metadata"]["resourceVersion"]}
        await self._send("PATCH", path, query, {"metadata": cleaned}, MERGE)

    async def merge(self, kind: names.Kind, live: Mapping[str, Any], patch: Mapping[str, Any]) -> None:
        """Change a few fields of an object that is not ours to apply."""
        metadata = live["metadata"]
        path = kind.item(metadata.get("namespace"), metadata["name"])
        await self._send("PATCH", path, {"fieldManager": names.FIELD_MANAGER}, patch, MERGE)

    async def delete(self, kind: names.Kind, live: Mapping[str, Any]) -> None:
        """Delete exactly this object; one of the same name that came later stays."""
        metadata = live["metadata"]
        body = {"preconditions": {"uid": metadata["uid"]}, "propagationPolicy": "Background"}
        try:
            await self._send("DELETE", kind.item(metadata.get("namespace"), metadata["name"]), None, body)
        except ApiError as error:
            if error.code not in {404, 409}:
                raise

    async def patch_status(
        self, namespace: str, name: str, status: Mapping[str, Any], version: str
    ) -> Object | None:
        """Merge into the status of the PaddleModel of this version; None if it is gone.

        Raises:
            ApiError: 409 where it has changed since, perhaps by another operator that says the same.
        """
        path = f"{names.MODEL.item(namespace, name)}/status"
        query = {"fieldManager": names.FIELD_MANAGER}
        body = {"metadata": {"resourceVersion": version}, "status": status}
        try:
            return await self._send("PATCH", path, query, body, MERGE)
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    async def create_event(self, event: Mapping[str, Any]) -> None:
        """Create an Event in the namespace of its metadata."""
        await self._send("POST", names.EVENT.collection(event["metadata"]["namespace"]), None, event)

    async def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        content_type: str = JSON,
        trim: Callable[[Object], Object] | None = None,
    ) -> Object:
        limit = self._timeout if method == "GET" else min(self._timeout, self._leads())
        if limit <= 0:  # Asked for each write: a process that was frozen learns of nothing else in time.
            raise ApiError(0, "NotLeader", "another operator may lead now, so nothing was written")
        try:
            async with asyncio.timeout(limit):
                response = await self._open(method, path, query, body, content_type)
                text = await response.read()
        except (OSError, TimeoutError, ClientError, client.ApiException) as error:
            raise unreachable(error) from error
        if response.status >= 300:
            raise refusal(response.status, response.headers, text)
        return decoded(response.status, text, trim)

    async def _open(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        content_type: str = JSON,
        limit: float | None = None,
    ) -> Any:
        """The client's own way to serialise a request copies the whole body first."""
        headers = {"Accept": JSON, "Content-Type": content_type, "User-Agent": self._client.user_agent}
        await self._client.update_params_for_auth(headers, [], ["BearerToken"], path, method, body)
        url = self._client.configuration.host + path + (f"?{urlencode(query)}" if query else "")
        timeout = ClientTimeout(total=limit or self._timeout)
        sent = as_yaml(body) if body is not None and content_type == APPLY else body
        # As above.
        return await self._client.rest_client.request(  # type: ignore[no-untyped-call]
            method, url, headers=headers, body=sent, _request_timeout=timeout
        )
