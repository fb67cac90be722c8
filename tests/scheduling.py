"""Which tests run in one process, and which begin first: `make test` shares groups out to its processes.

conftest.py gives it to xdist, in the process that shares out and in those that run.
"""

from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

# The folders that stay together. What listens on port 443, as the Service behind an APIService does, is one
# group, so never at once; and a control plane takes ten seconds of CPU to start, so that each two share one.
TOGETHER = {
    "port 443": ("tests/autoscaling", "tests/operator/registration"),
    "operator": (
        "tests/operator/reconcile",
        "tests/operator/reconcile/side_by_side",
        "tests/operator/metrics_adapter",
        "tests/operator/commands/deployed",
    ),
    "repository": ("tests/repository/docs", "tests/repository/helm"),
    "tests/cluster": ("tests/cluster", "tests/cluster/sources", "tests/cluster/examples"),
    "second node": ("tests/cluster/own_nodes",),
}
# These have clusters of their own, so that they need not wait for the others of their folder.
ALONE = (
    "tests/cluster/test_control_plane.py",
    "tests/cluster/own_nodes/test_killed_node.py",
    "tests/repository/benchmarks/test_benchmarks.py",
)
# The groups that take minutes, longest first: begun last, they would run alone. Those of clusters mostly
# wait, and the servers' files fill the processors meanwhile.
LONG = (
    "tests/cluster",
    "port 443",
    "operator",
    "repository",
    "second node",
    "tests/cluster/own_nodes/test_killed_node.py",
    "tests/serving_image/gpu/test_gpu_metrics.py",
    "tests/serving_image/http/limits/test_memory.py",
    "tests/serving_image/commands/test_docs.py",
    "tests/serving_image/commands/test_export.py",
    "tests/fuzz",
    "tests/serving_image/engine/test_right_answers.py",
)


def group_of(nodeid: str) -> str:
    """The group of a test: its folder, whose tests share a cluster, and some of whose files are stories.

    The servers' tests share no cluster, so that each file is a group.
    """
    path = nodeid.partition("::")[0]
    folder = path.rpartition("/")[0]
    if path in ALONE:
        return path
    for group, folders in TOGETHER.items():
        if folder in folders:
            return group
    return path if "/serving_image/" in path else folder


def begins(nodeid: str) -> int:
    """The place of a test's group among the others; those of a place keep their order."""
    group = group_of(nodeid)
    return LONG.index(group) if group in LONG else len(LONG)


class ByGroup(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Gives whole groups to processes, in the order of the collection.

    Not by xdist's own marks: pytest 9.2 gives an item's id no suffix any more, and they do nothing.
    """

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)
