"""Reads the Secret that is mounted for the fetcher, and refuses what a kind of place could not use.

A Secret is a folder with one file for each key. Its values never leave the Request.
"""

from collections.abc import Mapping
from pathlib import Path

from paddlemodel_server.errors import StartError
from paddlemodel_server.fetch.sources.source import Keys, Request, Takes
from paddlemodel_server.model.files import printable

_LARGEST = 1 << 20  # bytes: Kubernetes takes no larger Secret


def read(folder: Path) -> Mapping[str, str]:
    """The values of a mounted Secret by key, without the white space around them that editors leave.

    Raises:
        StartError: `CredentialsMissing`, `InvalidCredentials`.
    """
    found = {}
    try:
        paths = sorted(path for path in folder.iterdir() if not path.name.startswith(".."))
        for path in paths:
            with path.open("rb") as file:
                found[path.name] = file.read(_LARGEST).decode().strip()
    except OSError as error:
        raise StartError(
            "InvalidCredentials",
            f"The Secret in {printable(str(folder))} cannot be read ({error.strerror}); it must be a folder "
            "with one file for each key.",
        ) from error
    except UnicodeDecodeError as error:
        raise StartError(
            "InvalidCredentials", "The Secret has a value that is no text; correct it."
        ) from error
    if not found:
        # The operator mounts a Secret that does not exist as an empty folder, and names it.
        raise StartError("CredentialsMissing", "The Secret does not exist, or has no keys; create it.")
    return found


def check(request: Request, takes: Takes, scheme: str) -> None:
    """Refuse what would be ignored.

    Raises:
        StartError: `InvalidCredentials`, `UnusedOption`.
    """
    for name in ("root", "endpoint", "region", "addressing"):
        if getattr(request, name) is not None and not getattr(takes, name):
            raise StartError(
                "UnusedOption", f"{scheme}:// has no use for --{name}; remove it, or correct the URI."
            )
    if not request.credentials:
        return
    if not takes.secrets:
        raise StartError(
            "UnusedOption", f"{scheme}:// has no use for credentials; remove the Secret, or correct the URI."
        )
    keys = frozenset(request.credentials)
    fitting = [k for k in takes.secrets if k.needed <= keys <= k.needed | k.optional]
    if not fitting:
        forms = ", or ".join(map(_form, takes.secrets))
        raise StartError(
            "InvalidCredentials",
            f"The Secret has the keys {', '.join(map(printable, sorted(keys)))}, but {scheme}:// takes "
            f"{forms}; correct the Secret.",
        )
    empty = sorted(key for key in fitting[0].needed if not request.credentials[key])
    if empty:
        raise StartError("InvalidCredentials", f"The Secret's {empty[0]} is empty; correct the Secret.")


def _form(keys: Keys) -> str:
    more = f" and perhaps {' and '.join(sorted(keys.optional))}" if keys.optional else ""
    return " and ".join(sorted(keys.needed)) + more
