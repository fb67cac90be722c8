"""A server that is compared, and what is sent to it."""

import json
import os
import sys
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.serving.contenders import our_settings, running, until_ok
from benchmarks.serving.load import Measured, Target, measure
from devcluster import ports

PROCESSES = 2
"""Workers of a server that can have several, with one thread each; a single process gets two threads."""


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A running server.

    Attributes:
        title: for the table.
        process: its first one.
        target: its request.
        read: what of an answer must be equal.
    """

    title: str
    process: psutil.Process
    target: Target
    read: Callable[[Any], Any]

    def answer(self) -> Any:
        """What it answers, as far as it must be equal."""
        target = self.target
        url, kind = f"http://127.0.0.1:{target.port}{target.path}", {"Content-Type": target.content_type}
        with urllib.request.urlopen(urllib.request.Request(url, target.body, kind), timeout=120) as found:
            return self.read(json.load(found))

    def measured(self, clients: int, seconds: float) -> tuple[Measured, float]:
        """Under load, and the processor's seconds for each answer."""
        before = self._cpu_seconds()
        found = measure(self.target, clients, seconds)
        return found, (self._cpu_seconds() - before) / max(1, found.answered)

    def _cpu_seconds(self) -> float:
        family = [self.process, *self.process.children(recursive=True)]
        return sum(sum(one.cpu_times()[:2]) for one in family)


def our_server(stack: ExitStack, folder: Path, model: Path, **settings: str) -> tuple[psutil.Process, int]:
    """This server on two processors; returns its process and port."""
    port, admin_port = ports.free(2)
    environment = our_settings(model, port, admin_port) | {"PADDLEMODEL_WORKERS": str(PROCESSES)}
    environment |= {f"PADDLEMODEL_{name.upper()}": value for name, value in settings.items()}
    command = [str(Path(sys.executable).parent / "paddlemodel-server"), "serve"]
    return up(stack, command, environment, port, folder / "ours.log", "/v2/health/ready"), port


def up(
    stack: ExitStack, command: list[str], environment: dict[str, str], port: int, log: Path, path: str
) -> psutil.Process:
    """Start a server and wait until a path of it is there."""
    process = stack.enter_context(running(command, os.environ | environment, log))
    until_ok(port, path, process, log)
    return process


def check(ours: Contender, theirs: Contender, equal: Callable[[Any, Any], bool]) -> list[Contender]:
    """Both, if they answer alike.

    Raises:
        SystemExit: they do not.
    """
    mine, other = ours.answer(), theirs.answer()
    if not equal(mine, other):
        raise SystemExit(f"{ours.title} answers {mine}, {theirs.title} {other}")
    return [ours, theirs]
