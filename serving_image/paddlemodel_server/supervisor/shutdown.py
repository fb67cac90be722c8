"""The server's end, in order: HTTP workers finish what they have, then the workers go.

It happens once, on a signal or when the supervisor gives up.
"""

import logging
import signal
import time
from collections.abc import Sequence

from paddlemodel_server.supervisor import processes

IDLE_SECONDS = 300.0  # after so long without a request, nobody is expected to come meanwhile
SHORT_SECONDS = 0.5
HTTP_WORKER_MARGIN_SECONDS = 10  # beyond a request's deadline: gunicorn ends its own workers before that
WORKER_STOP_SECONDS = 2.0
KILL_SECONDS = 5.0

logger = logging.getLogger(__name__)


def seconds(chosen: float, idle_seconds: float | None, *, by_hand: bool, in_pod: bool) -> float:
    """How long to go on accepting requests once the pod is unready.

    A Service's endpoint takes a moment to vanish from every node and proxy, and requests arrive until then.

    Args:
        chosen: PADDLEMODEL_DRAIN_SECONDS.
        idle_seconds: how long ago the model last ran, None for never.
        by_hand: whether a person ended the server, with Ctrl-C; there is no Service.
        in_pod: whether Kubernetes runs the server. Its Service may send the first request at any moment, also
            to a pod that is new or had none for long.
    """
    idle = not in_pod and (idle_seconds is None or idle_seconds > IDLE_SECONDS)
    return min(chosen, SHORT_SECONDS) if idle or by_hand else chosen


def end_http_workers(pid: int, timeout_seconds: float) -> bool:
    """Let gunicorn end its workers; False where it had to be killed."""
    if not pid:
        return True
    processes.send(pid, signal.SIGTERM)  # uvicorn's worker is deaf to SIGQUIT
    if processes.wait(pid, timeout_seconds + HTTP_WORKER_MARGIN_SECONDS):
        return True
    logger.error("the HTTP workers did not end in time; they are killed")
    processes.send(pid, signal.SIGKILL)
    processes.wait(pid, KILL_SECONDS)
    return False


def end_workers(pids: Sequence[int], loading: Sequence[int]) -> None:
    """End the workers, those that are still loading too; no HTTP worker is left that could wait for them."""
    for pid in loading:
        processes.send(pid, signal.SIGKILL)  # to SIGTERM, Paddle answers with a trace while it loads
    for pid in pids:
        processes.send(pid, signal.SIGTERM)
    until = time.monotonic() + WORKER_STOP_SECONDS
    for pid in [*loading, *pids]:
        if not processes.wait(pid, until - time.monotonic()):
            processes.send(pid, signal.SIGKILL)
            processes.wait(pid, KILL_SECONDS)
