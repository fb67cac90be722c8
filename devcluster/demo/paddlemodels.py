"""Watches a PaddleModel's status, for the demo and the tests."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from devcluster.errors import DevclusterError
from devcluster.progress import say
from devcluster.target import Target


def wait_for(
    target: Target,
    name: str,
    namespace: str,
    good: Callable[[dict[str, Any]], bool],
    what: str,
    seconds: float = 240,
) -> dict[str, Any]:
    """Poll a PaddleModel until `good`; each new reason of the newest spec on the way is printed.

    Raises:
        DevclusterError: It took too long; with the last condition.
    """
    deadline = time.monotonic() + seconds
    last = ""
    with reader(target, f"/apis/paddlemodel.dev/v1alpha1/namespaces/{namespace}/paddlemodels/{name}") as read:
        while time.monotonic() < deadline:
            item: dict[str, Any] = read()
            if good(item):
                return item
            ready = condition(item, "Ready")
            newest = ready.get("observedGeneration") == item["metadata"]["generation"]
            now = f"{ready['reason']}: {ready['message']}" if newest else ""
            if now != last and now:
                say(f"    {now}")
            last = now
            time.sleep(0.5)
    raise DevclusterError(
        f"PaddleModel {namespace}/{name} did not get {what} in {seconds:.0f} s; "
        f"last seen: {last or 'nothing of its newest spec'}"
    )


@contextmanager
def reader(target: Target, path: str) -> Iterator[Callable[[], Any]]:
    """A function that asks the API server for a path; kubectl takes 0.1 s of CPU each time.

    It raises DevclusterError where the answer is no JSON with the status 200.
    """

    def read() -> Any:
        try:
            return client.get(path).raise_for_status().json()
        except (httpx.HTTPError, ValueError) as error:
            raise DevclusterError(f"the API server cannot be asked for {path}: {error}") from error

    with (
        target.proxy() as socket,
        httpx.Client(
            transport=httpx.HTTPTransport(uds=str(socket)), base_url="http://localhost", timeout=60
        ) as client,
    ):
        yield read


def condition(item: dict[str, Any], kind: str) -> dict[str, Any]:
    """One condition of a PaddleModel, empty when it is not there."""
    found = [entry for entry in item.get("status", {}).get("conditions", []) if entry["type"] == kind]
    return found[0] if found else {}


def is_ready(item: dict[str, Any]) -> bool:
    """Whether the newest spec is served."""
    ready = condition(item, "Ready")
    return ready.get("status") == "True" and ready.get("observedGeneration") == item["metadata"]["generation"]
