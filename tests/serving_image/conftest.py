"""Models and servers that the serving tests share: exporting and starting cost seconds, so once a session."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.serving_image.support import servers
from tests.serving_image.support.models import exporter


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Path]:
    """The folder of a small model, by format (pir or legacy) and name; see exporter.py."""
    folders: dict[str, Path] = {}

    def find(model_format: str, name: str) -> Path:
        if model_format not in folders:
            folders[model_format] = tmp_path_factory.mktemp(model_format)
            exporter.export(folders[model_format], model_format)
        return folders[model_format] / name

    return find


@pytest.fixture(scope="session")
def server(
    exported: Callable[[str, str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[servers.Server]:
    """Two HTTP workers and two workers serving `mixed`; tests may disturb it, but leave it ready."""
    with servers.serving(
        exported("pir", "mixed"),
        tmp_path_factory.mktemp("server"),
        name="mixed",
        http_workers=2,
        workers=2,
        max_request_bytes=1_000_000,
        head_timeout_seconds=1,
        body_timeout_seconds=1,
    ) as running:
        # The second worker loads once the first is measured; what tests count must not change by it.
        servers.whole(running, workers=2)
        yield running
