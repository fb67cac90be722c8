"""Runs many stories at the same time: the autoscaler syncs every 5 s, so most of a story is waiting.

A test module makes its fixture `running` with `told`; each of its tests waits for the end of one story.
"""

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import cast

import pytest

from tests.autoscaling.support.kubelet import Kubelet
from tests.autoscaling.support.world import World
from tests.operator.support.cluster import Cluster

Story = Callable[[World], None]
Running = dict[Story, "Future[None]"]

_numbers = itertools.count()


@contextmanager
def played(request: pytest.FixtureRequest, cluster: Cluster, kubelet: Kubelet) -> Iterator[Running]:
    """The stories of those tests of a module that were asked for, all begun, each in its own namespace."""
    items = [item for item in request.session.items if isinstance(item, pytest.Function)]
    mine = [one.callspec.params for one in items if one.module is request.module and hasattr(one, "callspec")]
    wanted = [cast("Story", parameters["story"]) for parameters in mine if "story" in parameters]
    with ThreadPoolExecutor(len(wanted)) as pool:
        yield {
            story: pool.submit(_play, story, World(cluster, kubelet, f"story-{next(_numbers)}"))
            for story in wanted
        }


def _play(story: Story, world: World) -> None:
    world.cluster.kubectl("create", "namespace", world.namespace)
    story(world)
    world.cluster.kubectl("delete", "namespace", world.namespace, "--wait=false")
