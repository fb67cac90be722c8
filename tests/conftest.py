"""Fixtures shared by every part: real clusters, brought up once a session and removed after it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from devcluster import cluster


@pytest.fixture(scope="session")
def control_plane() -> Iterator[Path]:
    """The administrator's kubeconfig of a fresh control plane on 127.0.0.1, without nodes.

    Its audit log of write requests is `logs/audit.log` beside the kubeconfig.
    """
    name = f"test-{os.getpid()}"
    try:
        yield cluster.up_control_plane(name).kubeconfig
    finally:
        cluster.down(name)
