"""What stands in for an example's public models, and what its server is asked once it is ready."""

import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from tests import cleartext

Answer = Any
"""Of a route, as Python has it; bytes where it is no JSON."""


class Asked(NamedTuple):
    """A served example.

    Attributes:
        url: of its Service.
        name: of the PaddleModel.
    """

    url: str
    name: str

    def post(self, body: bytes, path: str = "/predict", **headers: str) -> Answer:
        """The answer to a body; underscores of the headers' names stand for hyphens."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        found: httpx.Response = cleartext.post(f"{self.url}{path}", content=body, headers=sent, timeout=180)
        assert found.status_code == 200, found.text
        return found.json() if found.headers["content-type"] == "application/json" else found.content


@dataclass(frozen=True, kw_only=True)
class Example:
    """How an example is served without the internet.

    Attributes:
        models: a folder with what its public archive would hold, by the name of the further model; "" is
            spec.model. Called once: models may be trained for it.
        ask: asks the server as the example's comment does, checks what it answers, and returns that.
    """

    models: Callable[[], Mapping[str, Path]]
    ask: Callable[[Asked], Answer]


def pack(folder: Path, archive: Path) -> None:
    """Pack a model as a zoo of models does: one folder at the top."""
    with tarfile.open(archive, "w") as tar:
        tar.add(folder, arcname=archive.stem)


def first_alone(model: Callable[[], Path]) -> Callable[[], Mapping[str, Path]]:
    """The models of an example that has no further ones."""
    return lambda: {"": model()}
