"""The compiled kubectl, as a function."""

import subprocess

from devcluster.builders import programs
from devcluster.errors import DevclusterError
from devcluster.paths import State


def kubectl(state: State, *words: str, stdin: str | None = None) -> str:
    """Run the compiled kubectl against the cluster and return what it printed.

    Raises:
        DevclusterError: With what kubectl said, when it failed.
    """
    command = [programs.program("kubernetes", "kubectl"), f"--kubeconfig={state.kubeconfig}", *words]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise DevclusterError(f"kubectl {' '.join(words)} failed: {done.stderr.strip()}")
    return done.stdout
