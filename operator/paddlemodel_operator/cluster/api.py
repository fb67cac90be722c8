"""The only file that talks to the Kubernetes API: read, server-side apply, delete, status, events.

One Api per process; plain JSON in and out.
"""

import asyncio
import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from aiohttp import ClientError
from kubernetes.aio import client, config

from paddlemodel_operator.base import names
from paddlemodel_operator.base.errors import ApiError

Object = dict[str, Any]

APPLY: Final = "application/apply-patch+yaml"
MERGE: Final = "application/merge-patch+json"
PAGE: Final = 500


@dataclass(frozen=True, kw_only=True)
class Listing:
    """All objects of a kind at one moment."""

    items: list[Object]
    resource_version: int


async def connect(seconds: float) -> "Api":
    """As the kubeconfig that KUBECONFIG names, else as the pod's service account; requests last `seconds`."""
    settings = client.Configuration()
    if os.environ.get("KUBECONFIG"):
        # The client has no types here.
        load = config.load_kube_config(client_configuration=settings, persist_config=False)  # type: ignore[no-untyped-call]
        await load
    else:
        # As above.
        config.load_incluster_config(client_configuration=settings)  # type: ignore[no-untyped-call]
    return Api(client.ApiClient(settings), seconds)


class Api:
    """A thin client: one method per thing that the operator does."""

    def __init__(self, api_client: client.ApiClient, timeout: float) -> None:
        self._client = api_client
        self._client.user_agent = names.FIELD_MANAGER
        self._timeout = timeout

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
        """Every object of a kind, in pages; none of a kind that the cluster does not know (yet).

        Args:
            kind: what to list.
            selector: of labels.
            namespace: only in this one; by default in all.
            fields: a field selector, as `metadata.name=a`.
            cached: what the server has in memory, perhaps a moment old; it asks etcd nothing.
            trim: what is to be kept of every JSON object, so that a list never is in memory as a whole.
        """
        items: list[Object] = []
        asked = {"labelSelector": selector, "fieldSelector": fields, "resourceVersion": "0" if cached else ""}
        query = {"limit": str(PAGE), **{name: value for name, value in asked.items() if value}}
        while True:
            try:
                page = await self._send("GET", kind.collection(namespace), query, trim=trim)
            except ApiError as error:
                if error.code == 404:
                    return Listing(items=[], resource_version=sys.maxsize)
                raise
            # Items of a list do not repeat what they are.
            items += [{"apiVersion": kind.api_version, "kind": kind.kind, **item} for item in page["items"]]
            following = page["metadata"].get("continue")
            if not following:
                return Listing(items=items, resource_version=int(page["metadata"]["resourceVersion"]))
            query["continue"] = following

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

    async def patch_status(self, namespace: str, name: str, status: Mapping[str, Any]) -> Object | None:
        """Merge into the status of a PaddleModel; None if it is gone."""
        path = f"{names.MODEL.item(namespace, name)}/status"
        try:
            return await self._send(
                "PATCH", path, {"fieldManager": names.FIELD_MANAGER}, {"status": status}, MERGE
            )
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
        content_type: str = "application/json",
        trim: Callable[[Object], Object] | None = None,
    ) -> Object:
        headers = {"Accept": "application/json", "Content-Type": content_type}
        try:
            request = await self._client.param_serialize(
                method,
                path,
                query_params=list((query or {}).items()),
                header_params=headers,
                body=body,
                auth_settings=["BearerToken"],
            )
            async with asyncio.timeout(self._timeout):
                response = await self._client.call_api(*request, _request_timeout=self._timeout)
                text = await response.read()  # type: ignore[no-untyped-call]  # as above
        except (OSError, TimeoutError, ClientError, client.ApiException) as error:
            raise ApiError(0, "Unreachable", f"{type(error).__name__}: {error}") from error
        return _decoded(response.status, text, trim)


def _decoded(status: int, text: bytes, trim: Callable[[Object], Object] | None) -> Object:
    try:
        answer = json.loads(text, object_hook=trim)
    except ValueError as error:
        # "404 page not found", for example, is plain text.
        raise ApiError(status, "NotJson", text[:200].decode(errors="replace")) from error
    if status >= 300:
        message = str(answer.get("message", ""))[:1000]
        raise ApiError(status, str(answer.get("reason", "")), message)
    result: Object = answer
    return result
