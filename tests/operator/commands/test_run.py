"""`paddlemodel run`: the real fetcher and the real server, without a cluster."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from paddlemodel_operator.commands import run

from devcluster import first_look
from devcluster.paths import REPOSITORY
from tests import cleartext
from tests.models import archive_of, trained_model
from tests.operator.support.manifests import manifest
from tests.serving_image.support.access import valkeys
from tests.serving_image.support.servers import eventually
from tests.trained_text import with_files

PROGRAM = Path(sys.executable).with_name("paddlemodel")


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@contextmanager
def running(cache: Path, *arguments: str, text: str = "") -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [PROGRAM, "run", *arguments],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "XDG_CACHE_HOME": str(cache)},
    )
    assert process.stdin
    process.stdin.write(text)
    process.stdin.close()
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)
        assert process.stderr
        process.stderr.close()


def lines_until(process: "subprocess.Popen[str]", word: str) -> list[str]:
    assert process.stderr
    found = []
    for line in process.stderr:
        found.append(line)
        if word in line:
            return found
    raise AssertionError("".join(found))


def end(process: "subprocess.Popen[str]") -> tuple[int, str]:
    assert process.stderr
    return process.wait(60), process.stderr.read()


@pytest.mark.timeout(300)
def test_make_try_shows_an_answer_and_leaves_nothing(port: int, capfd: pytest.CaptureFixture[str]) -> None:
    """The example of the README, its archives from a package: what `make try` does after its set-up."""
    assert first_look.main(port, keep=False) == 0
    shown = capfd.readouterr()
    text = ("Invoice 2026-117", "Three models, served for one month", "Total 42.50 EUR", "Thanks for reading")
    assert f'"text":{json.dumps(chr(10).join(text))}' in shown.out
    assert "`make demo` serves a model in a real Kubernetes node, and scales it." in shown.out
    assert "without a cluster, these do nothing: spec.replicas, spec.resources" in shown.err
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5)


def test_make_try_that_is_ended_leaves_no_server(port: int) -> None:
    """By SIGTERM, which make passes on."""
    command = [sys.executable, "-m", "devcluster.first_look", str(port), "--keep"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=REPOSITORY) as look:
        lines_until(look, "starting")  # The server's first line.
        children = psutil.Process(look.pid).children(recursive=True)
        look.terminate()
        _, left = psutil.wait_procs(children, timeout=180)
        for process in left:
            process.kill()
    assert len(children) >= 2  # `paddlemodel run`, and the server.
    assert (left, look.returncode) == ([], 143)


@pytest.mark.timeout(300)
def test_one_model_is_served_once_and_a_signal_ends_it(port: int, tmp_path: Path) -> None:
    archive = archive_of("textline-orientation", tmp_path)
    gateway = {"parentRefs": [{"name": "public"}]}
    cluster = {
        "autoscaling": {"maxReplicas": 2},
        "gateway": gateway,
        "rollout": {"strategy": "Canary", "mirror": {}},
        "access": {"network": {"from": [{"podSelector": {}}]}},
    }
    text = yaml.safe_dump(manifest("ml", "a", device="GPU", gpu={"count": 1}, **cluster))
    arguments = ("-", "--uri", f"file://{archive}", "--device", "CPU", "--port", str(port))
    with running(tmp_path, *arguments, text=text) as first:
        seen = lines_until(first, "==> ready: ")
        assert any(
            "these do nothing: spec.autoscaling, spec.gateway, spec.rollout, spec.gpu, spec.access.network"
            in line
            for line in seen
        )
        with running(tmp_path, *arguments, text=text) as second:
            code, said = end(second)
            assert code == 1
            assert "the model a is being served from " in said
        first.send_signal(signal.SIGINT)
        assert end(first)[0] == 0
    assert (tmp_path / "paddlemodel" / "run" / "ml.a" / "models" / "model").is_dir()


def test_nothing_is_mirrored_where_there_is_no_canary() -> None:
    """Its server would look for a Service by a name that means nothing here, or something else."""
    body = manifest("ml", "a", device="CPU", rollout={"strategy": "Canary", "mirror": {}})
    body["metadata"]["uid"] = "1"
    pod = run._pod(run.options().parse_args(["-"]), body)
    assert "PADDLEMODEL_MIRROR" not in {one["name"] for one in pod["containers"][0]["env"]}


HANDLER = """
import numpy as np
def preprocess(body, content_type):
    return {"x": np.zeros((1, 3, 48, 192), np.float32)}, len(body)
def postprocess(outputs, kept):
    return {"bytes": kept, "outputs": len(outputs)}
"""


@pytest.mark.timeout(300)
def test_code_beside_a_model_runs_where_the_environment_allows_it(
    port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PADDLEMODEL_OPERATOR_CUSTOM_TASKS", "true")
    folder = with_files(trained_model("textline-orientation"), tmp_path / "model", handler__py=HANDLER)
    text = yaml.safe_dump(manifest("ml", "a", device="CPU", task={"custom": {}}))
    with running(tmp_path, "-", "--uri", f"file://{folder}", "--port", str(port), text=text) as process:
        lines_until(process, "==> ready: ")
        request = urllib.request.Request(f"http://127.0.0.1:{port}/predict", data=b"four")
        with urllib.request.urlopen(request, timeout=180) as answer:
            assert json.loads(answer.read()) == {"bytes": 4, "outputs": 1}


@pytest.mark.timeout(300)
def test_the_example_of_shared_limits_counts_by_a_valkey(port: int, tmp_path: Path) -> None:
    example = yaml.safe_load((REPOSITORY / "examples" / "shared-limits.yaml").read_text())
    access, password = example["spec"]["access"], "planted-limits-0123456789"
    (tmp_path / "login").mkdir()
    (tmp_path / "login" / "username").write_text("limits")
    (tmp_path / "login" / "password").write_text(password)
    archive = archive_of("textline-orientation", tmp_path)
    with valkeys.serving(tmp_path, password) as valkey:
        access["sharedLimits"]["uri"] = valkey.uri
        arguments = ("-", "--uri", f"file://{archive}", "--port", str(port))
        secret = ("--secret", f"limits={tmp_path / 'login'}")
        with running(tmp_path, *arguments, *secret, text=yaml.safe_dump(example)) as process:
            lines_until(process, "==> ready: ")
            url = f"http://127.0.0.1:{port}/v2"
            sent = {"X-Forwarded-For": "192.0.2.1"}
            assert [cleartext.get(url, headers=sent).status_code for _ in range(10)] == [200] * 10
            eventually(lambda: cleartext.get(url, headers=sent).status_code == 429, "it is one too many")
            eventually(lambda: valkey.count() == 1, "Valkey has the number of this address")


@pytest.mark.timeout(120)
def test_what_the_fetcher_says_is_what_people_see(port: int, tmp_path: Path) -> None:
    text = yaml.safe_dump(manifest("ml", "a", device="CPU"))
    with running(tmp_path, "-", "--uri", "file:///no/such", "--port", str(port), text=text) as process:
        code, said = end(process)
    assert code == 1
    assert "There is no such file or folder; correct the path in the URI." in said
    assert said.endswith("paddlemodel run: fetch failed, as said above.\n")


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("task", "said"),
    [
        (
            {"ocr": {"recognition": {"uri": "file:///a"}}},
            "has no model reader; its further models are recogn",
        ),
        ({"textDetection": {}}, "the task has no model reader; it has no further models."),
    ],
)
def test_a_further_model_that_the_task_has_not_is_said(
    task: dict[str, Any], said: str, tmp_path: Path
) -> None:
    text = yaml.safe_dump(manifest("ml", "a", device="CPU", task=task))
    with running(tmp_path, "-", "--further-uri", "reader=file:///b", text=text) as process:
        code, shown = end(process)
    assert code == 2
    assert said in shown


@pytest.mark.timeout(120)
def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    archive = archive_of("textline-orientation", tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        text = yaml.safe_dump(manifest("ml", "a", device="CPU"))
        arguments = ("-", "--uri", f"file://{archive}", "--port", str(number))
        with running(tmp_path, *arguments, text=text) as process:
            code, said = end(process)
    assert code == 1
    assert str(number) in said
