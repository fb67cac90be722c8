"""A control plane of this folder's own: its tests install and remove the chart, one per cluster."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from devcluster import cluster


@pytest.fixture(scope="session")
def control_plane() -> Iterator[Path]:
    """The administrator's kubeconfig; instead of the one that the other folders share."""
    with cluster.control_plane_for(f"repository-{os.getpid()}") as state:
        yield state.kubeconfig
