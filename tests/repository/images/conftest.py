"""Both images, built once for all that looks into them."""

import os
from pathlib import Path

import pytest

from devcluster.builders import images


@pytest.fixture(scope="session")
def archives(request: pytest.FixtureRequest) -> dict[str, Path]:
    """Their OCI archives, by what they are."""
    if request.config.getoption("--kubeconfig"):
        pytest.skip("with a cluster of your own the images are yours, too")
    if os.geteuid() != 0 and not os.environ.get("CI"):
        pytest.skip("building images needs root")
    return dict(zip(("operator", "server"), images.build_all(), strict=True))
