"""`paddlemodel logs` through a real API server; the node behind it is the test's."""

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from paddlemodel_operator.base import names
from paddlemodel_operator.commands.deployed.logs.command import AGAIN_SECONDS

from tests.operator.support.cluster import Cluster, eventually
from tests.operator.support.deployed.simulated_node import SimulatedKubelet, node
from tests.operator.support.deployed.world import Said, placed, program, run

pytestmark = pytest.mark.control_plane


def log_line(level: str, message: str, **extra: Any) -> str:
    event = {"time": "2026-01-01T00:00:00.000Z", "level": level, "process": "worker-0", "pid": 7}
    return json.dumps({**event, "message": message, **extra}) + "\n"


def crashed(cluster: Cluster, namespace: str, name: str) -> None:
    """Play the kubelet: the server of a pod has ended once, and runs again."""
    pod = cluster.need(names.POD, namespace, name)
    (server,) = pod["status"]["containerStatuses"]
    last = {"terminated": {"exitCode": 139, "reason": "Error"}}
    again = {**server, "restartCount": 1, "lastState": last}
    cluster.set_pod_status(pod, {**pod["status"], "containerStatuses": [again]})


def test_logs_of_all_pods_are_printed_together(cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    with node(cluster, "simulated", tmp_path) as kubelet:
        for name in ("a", "b"):
            placed(cluster, namespace, name, "m", "simulated")
        kubelet.logs["a", "server"] = log_line("INFO", "ready") + log_line("ERROR", "bad", model="m")
        kubelet.logs["b", "server"] = "Fatal Python error\n"
        kubelet.logs["a", "fetch"] = kubelet.logs["b", "fetch"] = log_line("INFO", "model ready")

        def logs(*arguments: str) -> Said:
            return run("logs", "m", *arguments, "-n", namespace, kubeconfig=cluster.kubeconfig)

        found = logs()
        assert (found.code, found.err) == (0, "")
        assert found.out.splitlines() == [
            "a 2026-01-01T00:00:00.000Z INFO worker-0 ready",
            "a 2026-01-01T00:00:00.000Z ERROR worker-0 bad model=m",
            "b Fatal Python error",
        ]
        fetch = logs("--fetch", "--level", "INFO", "--since", "1m30s", "--tail", "5")
        assert "a/fetch 2026-01-01T00:00:00.000Z INFO worker-0 model ready" in fetch.out
        assert (kubelet.queries[-1]["sinceSeconds"], kubelet.queries[-1]["tailLines"]) == (["90"], ["5"])
        assert len(logs("--level", "ERROR").out.splitlines()) == 2
        raw = logs("-o", "json").out.splitlines()
        assert json.loads(raw[1])["model"] == "m"
        asked = len(kubelet.queries)
        none = logs("--previous")
        assert (none.code, none.out) == (0, "")
        assert none.err == "None of its containers was started again, so none has a log of before.\n"
        assert len(kubelet.queries) == asked  # A kubelet answers such a question with 400.
        crashed(cluster, namespace, "b")
        previous = logs("--previous")
        assert (previous.code, previous.out, previous.err) == (0, "b Fatal Python error\n", "")
        assert kubelet.queries[-1]["previous"] == ["true"]
        del kubelet.logs["b", "server"]
        gone = logs()
        assert gone.code == 0  # A pod that is gone is no fault, and is told.
        assert gone.err.startswith("==> b: the API server refuses: ")
        assert gone.out.splitlines() == found.out.splitlines()[:2]


def since(kubelet: SimulatedKubelet, pod: str) -> list[str]:
    """Of the latest how many seconds the log of a pod was asked for, each time; empty: of all."""
    return ["".join(one.get("sinceSeconds", ())) for one in kubelet.queries if one["pod"] == [pod]]


def test_logs_are_followed_in_pods_that_come_later(cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    with node(cluster, "followed", tmp_path) as kubelet:
        placed(cluster, namespace, "a", "m", "followed")
        kubelet.logs["a", "server"] = log_line("INFO", "first")
        kubelet.logs["b", "server"] = log_line("INFO", "second")
        command = [str(program("paddlemodel")), "logs", "m", "-f", "-n", namespace]
        command = [
            "env",
            "--default-signal=INT",
            *command,
        ]  # nohup and some shells ignore it for their children
        options = ["--kubeconfig", str(cluster.kubeconfig)]
        with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True) as following:
            assert following.stdout
            try:
                assert following.stdout.readline().startswith("a ")
                placed(cluster, namespace, "b", "m", "followed")
                line = next(line for line in following.stdout if not line.startswith("a "))
                assert line == "b 2026-01-01T00:00:00.000Z INFO worker-0 second\n"
                # The log of a ends at once and its container does not: only what is new is asked for again.
                eventually(lambda: len(since(kubelet, "a")) > 1)
            finally:
                following.send_signal(signal.SIGINT)
            assert following.wait(60) == 130
        first, *again = since(kubelet, "a")
        assert (first, set(again)) == ("", {str(AGAIN_SECONDS)})
