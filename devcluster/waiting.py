"""Waits until a cluster is what it should be, or says which part is not and why."""

import time
from collections.abc import Callable

from devcluster.errors import DevclusterError
from devcluster.kubectl import kubectl
from devcluster.paths import State


def for_api(state: State) -> None:
    """Until the API server answers and pods may be created."""
    for_api_server(state)
    until(
        state,
        "the default service account",  # pods are refused before it exists
        ("get", "serviceaccount", "default", "-o", "name"),
        lambda answer: answer != "",
        seconds=180,
    )


def for_api_server(state: State) -> None:
    """Until the API server answers."""
    until(state, "the API server", ("get", "--raw", "/readyz"), lambda answer: answer == "ok", seconds=180)


def for_nodes(state: State, count: int) -> None:
    """Until every kubelet reports its node Ready."""
    path = "jsonpath={.items[*].status.conditions[?(@.type=='Ready')].status}"
    ready = ["True"] * count
    until(
        state, "the node", ("get", "nodes", "-o", path), lambda answer: answer.split() == ready, seconds=180
    )


def until(
    state: State, what: str, words: tuple[str, ...], good: Callable[[str], bool], seconds: float
) -> None:
    """Poll `kubectl words` until `good` likes the answer.

    Raises:
        DevclusterError: It took too long or the cluster died; with the last lines of every log.
    """
    deadline = time.monotonic() + seconds
    last = ""
    while time.monotonic() < deadline:
        if not state.is_up():
            break
        try:
            answer = kubectl(state, "--request-timeout=2s", *words)
            if good(answer):
                return
        except DevclusterError as error:
            last = str(error)
        time.sleep(0.1)
    raise DevclusterError(f"{what} did not become ready; {last}\nLogs are in {state.logs}:\n{_tails(state)}")


def _tails(state: State) -> str:
    parts = []
    for log in sorted(state.logs.glob("*.log")):
        lines = log.read_text(errors="replace").splitlines()[-3:]
        parts.append(f"--- {log.name}\n" + "\n".join(line[:300] for line in lines))
    return "\n".join(parts)
