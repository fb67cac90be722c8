"""The model's digest: what the fetcher recorded, else computed once, in a thread.

In a pod the init container has digested what it downloaded (`fetch` leaves its record beside the folder), so
the page names the same digest as the PaddleModel's status. A folder that nobody fetched is digested when a
person first asks: the start of the server does not wait for it, and no request does.
"""

import json
import logging
import re
import threading
from pathlib import Path

from paddlemodel_server.errors import StartError
from paddlemodel_server.model import files

logger = logging.getLogger(__name__)


def recorded(folder: Path) -> str | None:
    """What the fetcher wrote down, or None."""
    try:
        found = json.loads(folder.with_name(f".{folder.name}.done").read_text())["fetched"]["digest"]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return found if isinstance(found, str) and re.fullmatch(r"sha256:[0-9a-f]{64}", found) else None


class Digest:
    """The digest of one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._value: str | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def ask(self) -> str | None:
        """The digest; None while it is computed, and where the folder cannot be read."""
        with self._lock:
            if self._thread is None:
                self._value = recorded(self._folder)
                self._thread = threading.Thread(target=self._compute, name="digest", daemon=True)
                if self._value is None:
                    self._thread.start()
        return self._value

    def _compute(self) -> None:
        try:
            self._value = files.digest(self._folder, Path("/"))
        except (OSError, StartError):
            logger.warning("the model's digest cannot be computed", exc_info=True)
