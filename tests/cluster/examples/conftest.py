"""The chart with all that an example may need switched on."""

from dataclasses import replace

import pytest

from devcluster.target import Target


@pytest.fixture(scope="session")
def target(target: Target) -> Target:
    """The cluster of the end-to-end tests; code beside a model may run."""
    return replace(target, values=(*target.values, "customTasks.allowed=true"))
