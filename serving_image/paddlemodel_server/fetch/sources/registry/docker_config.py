"""Finds the login for a registry in Docker's configuration file, as an image pull secret holds it. Pure."""

import base64
import fnmatch
import json
from collections.abc import Iterator, Mapping
from typing import Any

from paddlemodel_server.errors import StartError
from paddlemodel_server.model.files import printable

Login = tuple[str, str]
"""A user and a password."""


def login(text: str, registry: str, repository: str) -> Login:
    """The login for a repository; of several that fit, the one of the longest path, as Kubernetes chooses.

    Args:
        text: the value of `.dockerconfigjson`.
        registry: HOST:PORT.
        repository: its path there.

    Raises:
        StartError: `InvalidCredentials`.
    """
    try:
        auths: Mapping[str, Any] = json.loads(text)["auths"]
        fitting = sorted(_fitting(auths, registry, repository), key=lambda pair: len(pair[0]))
        return _login(fitting[-1][1]) if fitting else _absent(auths, registry)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        # The text would show the password.
        raise StartError(
            "InvalidCredentials",
            "The Secret's .dockerconfigjson cannot be read; make it with `kubectl create secret "
            "docker-registry`.",
        ) from error


def _fitting(auths: Mapping[str, Any], registry: str, repository: str) -> Iterator[tuple[str, Any]]:
    for key, entry in auths.items():
        host, _, path = _plain(key).partition("/")
        path = path if path not in {"v1", "v2"} else ""
        if _same_host(host, registry) and f"{repository}/".startswith(f"{path}/" if path else ""):
            yield path, entry


def _plain(key: str) -> str:
    return key.lower().removeprefix("https://").removeprefix("http://").strip("/")


def _same_host(pattern: str, registry: str) -> bool:
    """Each label by itself: *.example.com is no a.b.example.com."""
    if registry == "docker.io":
        return pattern in {"docker.io", "index.docker.io", "registry-1.docker.io"}
    wanted, found = pattern.split("."), registry.split(".")
    return len(wanted) == len(found) and all(map(fnmatch.fnmatchcase, found, wanted))


def _login(entry: Any) -> Login:
    if entry.get("identitytoken"):
        raise StartError(
            "InvalidCredentials",
            "The Secret's .dockerconfigjson holds an identity token, which only Docker can use; make the "
            "Secret with a user and a password.",
        )
    if entry.get("username"):
        return str(entry["username"]), str(entry["password"])
    user, colon, password = base64.b64decode(entry["auth"], validate=True).decode().partition(":")
    if not colon:
        raise ValueError
    return user, password


def _absent(auths: Mapping[str, Any], registry: str) -> Login:
    known = ", ".join(sorted(map(printable, auths))) or "nothing"
    raise StartError(
        "InvalidCredentials",
        f"The Secret's .dockerconfigjson has no login for {registry}, only for {known}; add one, or correct "
        "the URI.",
    )
