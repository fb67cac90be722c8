"""Fixtures shared by every part: real clusters, brought up once a session and removed after it."""

import gc
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, configuration, settings

from devcluster import cluster
from devcluster.builders import debian, images, programs
from devcluster.errors import DevclusterError
from devcluster.paths import State
from devcluster.target import Target, named_by_reader
from tests import planted, scheduling, slowest
from tests.models import cache_root

# The collection makes millions of objects that stay; looking through them again and again took a fifth of it.
gc.disable()

# The same examples in every run, and no clock: what is green stays green, on a busy machine too.
settings.register_profile(
    "steady",
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("steady")
# Tables of characters, which take each process of a fresh clone seconds of CPU.
configuration.set_hypothesis_home_dir(cache_root() / "hypothesis")
# What the commands print is compared in English, whatever the person who runs the tests reads.
os.environ["LANGUAGE"] = "en"
# After each run the threads of Paddle's OpenMP library turn for 0.2 s, in case there is another: a quarter of
# what trained models cost here, where other tests want the processors.
os.environ.setdefault("KMP_BLOCKTIME", "0")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Tests touch no cluster but their own and the one named here."""
    parser.addoption("--kubeconfig", type=Path, help="run the end-to-end tests on this cluster")
    parser.addoption("--images", default="", help="with --kubeconfig: where our images were pushed")
    parser.addoption("--slow", action="store_true", help="the tests marked as slow, and no others")
    parser.addoption("--slowest", action="store_true", help="print the tests that cost most CPU time")
    parser.addoption("--screenshot", action="store_true", help="renew docs/page.png from a real browser")
    parser.addoption(
        "--recordings", action="store_true", help="renew docs/kubectl.md, docs/values.md and examples/argocd/"
    )
    parser.addoption("--plot", action="store_true", help="renew docs/autoscaling.svg from a real run")


def pytest_configure(config: pytest.Config) -> None:
    """Secrets that tests plant stay where they are; and the table of CONTRIBUTING.md, see slowest.py."""
    config.pluginmanager.register(planted)
    if config.getoption("--slowest"):
        config.pluginmanager.register(slowest)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the slow tests, or all others; the groups that take minutes come first."""
    slow = bool(config.getoption("--slow"))
    left_out = [item for item in items if (item.get_closest_marker("slow") is not None) != slow]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if (item.get_closest_marker("slow") is not None) == slow]
    if hasattr(config, "workerinput"):  # in one process of several
        items.sort(key=lambda item: scheduling.begins(item.nodeid))


def pytest_collection_finish() -> None:
    """What the collection has made stays, and is looked through no more."""
    gc.freeze()
    gc.enable()


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> scheduling.ByGroup:
    """`make test` runs groups in several processes; see scheduling.py."""
    config.option.loadscopereorder = False
    return scheduling.ByGroup(config, log)


@pytest.fixture(scope="session")
def control_plane() -> Iterator[Path]:
    """The administrator's kubeconfig of a fresh control plane on 127.0.0.1, without nodes.

    Its audit log of write requests is `logs/audit.log` beside the kubeconfig.
    """
    with cluster.control_plane_for(f"test-{os.getpid()}") as state:
        yield state.kubeconfig


@contextmanager
def own_node(request: pytest.FixtureRequest, name: str, up: Callable[[str], State]) -> Iterator[State]:
    """A cluster of our own with both images on each node; needs root, and says so.

    Args:
        request: of the fixture.
        name: to tell it from those of other tests.
        up: starts it under a name.
    """
    if request.config.getoption("--kubeconfig"):
        pytest.skip("needs a node of our own, and --kubeconfig names another cluster")
    try:
        debian.require_root()
    except DevclusterError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
    programs.build(programs.NODE)
    archives = [*images.build_pause(), *images.build_all()]
    unique = f"test-{name}-{os.getpid()}"
    try:
        state = up(unique)
        images.load(state, archives)
        yield state
    finally:
        cluster.down(unique)


@pytest.fixture(scope="session")
def node(request: pytest.FixtureRequest) -> Iterator[State]:
    """A cluster of our own with two nodes."""
    with own_node(request, "node", lambda name: cluster.up_node(name, 2)) as state:
        yield state


@pytest.fixture(scope="session")
def target(request: pytest.FixtureRequest) -> Target:
    """The cluster of the end-to-end tests: the one named by --kubeconfig, else a node of our own."""
    kubeconfig: Path | None = request.config.getoption("--kubeconfig")
    if kubeconfig:
        return named_by_reader(kubeconfig, request.config.getoption("--images"))
    state: State = request.getfixturevalue("node")
    return Target(kubeconfig=state.kubeconfig)
