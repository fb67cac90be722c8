"""Leaves a process's last word where Kubernetes shows it: the container's termination message.

The fetcher and the server's parent write it; the operator copies it into the PaddleModel's status.
"""

import json
from collections.abc import Mapping
from pathlib import Path

LOG = Path("/dev/termination-log")
_LIMIT = 4096  # bytes that Kubernetes keeps of one container's message


def write(
    reason: str, message: str, path: Path = LOG, *, details: Mapping[str, object] | None = None
) -> None:
    """Record why the container fails, and the numbers behind that."""
    content = {**(details or {}), "reason": reason, "message": message}
    while len(json.dumps(content)) > _LIMIT and message:
        message = message[: len(message) * 3 // 4]  # JSON cut in the middle would not parse
        content["message"] = message
    _write(content, path)


def write_success(
    *,
    digest: str,
    model_format: str,
    size: int,
    known: Mapping[str, str | None] | None = None,
    path: Path = LOG,
) -> None:
    """Record what was fetched, and what else is known of it: its revision, what the cache could not do."""
    told = {name: value for name, value in (known or {}).items() if value is not None}
    _write({"digest": digest, "format": model_format, "bytes": size, **told}, path)


def write_revision(revision: str, path: Path = LOG) -> None:
    """Record what a URI resolves to now."""
    _write({"revision": revision}, path)


def _write(content: Mapping[str, object], path: Path) -> None:
    # Kubernetes puts the file there; where it is absent (a laptop) nobody would read it.
    try:
        if path.is_file():
            path.write_text(json.dumps(content))
    except OSError:
        return  # the exit code and the log still tell
