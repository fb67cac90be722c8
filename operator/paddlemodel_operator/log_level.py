"""The level of the log, read from a file again and again, so that it changes without a restart.

The chart mounts a ConfigMap; the kubelet brings a change of it into the pod within a minute or two.
"""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")
SECONDS: Final = 5.0
SIZE_MAX: Final = 64


class LevelFile:
    """One file that holds a word."""

    def __init__(self, path: Path, level: str, set_level: Callable[[str], None]) -> None:
        """`level` is the present one, `set_level` makes another one so."""
        self._path = path
        self._level = level
        self._set_level = set_level
        self._complaint = ""

    def look(self) -> None:
        """Take over what the file says; what it should not say is told once, and the level stays."""
        try:
            with self._path.open("rb") as file:
                found = file.read(SIZE_MAX).decode(errors="replace").strip()
        except OSError as error:
            self._complain(str(error))
            return
        if found not in LEVELS:
            self._complain(f"{self._path} says {found!r}, which is none of {', '.join(LEVELS)}")
            return
        self._complaint = ""
        if found != self._level:
            before, self._level = self._level, found
            self._set_level(found)
            # Seen at every level: who raises it to ERROR wants to know that it has become so.
            log.error("The log level is %s now; it was %s.", found, before)

    async def follow(self) -> None:
        """Look every few seconds, until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(SECONDS)

    def _complain(self, text: str) -> None:
        if text != self._complaint:
            self._complaint = text
            log.warning("The log level stays %s: %s", self._level, text)
