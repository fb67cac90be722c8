"""Becomes the init of a further node: first cgroups of its own, then namespaces of its own.

Runs inside the first node's namespaces, as one of its components.
Usage: python -m devcluster.nodes.nested NAME PLAN
"""

import os
import sys

from devcluster.nodes import cgroups

_UNSHARE = ["unshare", "--net", "--mount", "--pid", "--uts", "--fork", "--kill-child", "--mount-proc", "--"]


def main(name: str, plan: str) -> None:
    """Replace this process; what is left of an earlier one with this name has no process any more."""
    cgroups.remove(name)  # the kubelet would wait for each container that it finds a group of
    command = [*cgroups.join(name), *_UNSHARE, sys.executable, "-m", "devcluster.nodes.init", plan]
    os.execvp(command[0], command)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main(*sys.argv[1:])
