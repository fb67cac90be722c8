"""The server's end, in order: fronts finish what they have, then the owners go.

`supervisor` calls it once, on a signal or when it gives up.
"""

import logging
import signal
import time
from collections.abc import Sequence

from paddlemodel_server import children

FRONT_MARGIN_SECONDS = 10  # beyond a request's deadline: gunicorn ends its own workers before that
OWNER_STOP_SECONDS = 2.0
KILL_SECONDS = 5.0

logger = logging.getLogger(__name__)


def end_fronts(pid: int, timeout_seconds: float) -> bool:
    """Let gunicorn end its workers; False where it had to be killed."""
    if not pid:
        return True
    children.send(pid, signal.SIGTERM)  # uvicorn's worker is deaf to SIGQUIT
    if children.wait(pid, timeout_seconds + FRONT_MARGIN_SECONDS):
        return True
    logger.error("the fronts did not end in time; they are killed")
    children.send(pid, signal.SIGKILL)
    children.wait(pid, KILL_SECONDS)
    return False


def end_owners(pids: Sequence[int]) -> None:
    """End the owners; no front is left that could wait for them."""
    for pid in pids:
        children.send(pid, signal.SIGTERM)
    until = time.monotonic() + OWNER_STOP_SECONDS
    for pid in pids:
        if not children.wait(pid, until - time.monotonic()):
            children.send(pid, signal.SIGKILL)
            children.wait(pid, KILL_SECONDS)
