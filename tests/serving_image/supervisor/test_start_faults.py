"""A model that cannot be served ends a real server with one sentence, in its log and for `kubectl describe`.

Each fault is made from a real export. The programs' edits stand for other versions of Paddle: the operator
`frobnicate` for one that a later version adds, `density_prior_box` for one that Paddle 3.3 has dropped.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from devcluster import ports

# As in a pod, but for the place of the termination message, which Kubernetes mounts at /dev/termination-log.
SERVE = (
    "import os, sys; from pathlib import Path; from paddlemodel_server.host import termination;"
    "termination.write.__defaults__ = (Path(sys.argv[1]),);"
    "from paddlemodel_server.host import signals; signals.hold();"
    "from paddlemodel_server.supervisor import main as supervisor; sys.exit(supervisor.run(dict(os.environ)))"
)

Change = Callable[[Path, Callable[[str, str], Path]], None]


def edited(name: str, old: bytes, new: bytes) -> Change:
    def change(folder: Path, _: Callable[[str, str], Path]) -> None:
        path = folder / name
        content = path.read_bytes()
        assert old in content
        path.write_bytes(content.replace(old, new))

    return change


def cut(name: str, size: int) -> Change:
    def change(folder: Path, _: Callable[[str, str], Path]) -> None:
        content = (folder / name).read_bytes()
        assert len(content) > size
        (folder / name).write_bytes(content[:size])

    return change


def without_params(folder: Path, _: Callable[[str, str], Path]) -> None:
    (folder / "inference.pdiparams").unlink()


def others_params(folder: Path, exported: Callable[[str, str], Path]) -> None:
    shutil.copy(exported("pir", "picture") / "inference.pdiparams", folder)


PIR, LEGACY = "inference.json", "inference.pdmodel"
FAULTS: dict[str, tuple[str, Change, str, str]] = {
    "missing parameters": ("pir", without_params, "ParamsMissing", "add inference.pdiparams"),
    "missing parameters, legacy": ("legacy", without_params, "ParamsMissing", "add inference.pdiparams"),
    "a truncated program": ("pir", cut(PIR, 500), "TruncatedFile", "copy the exported file again"),
    "a truncated legacy program": ("legacy", cut(LEGACY, 500), "TruncatedFile", "copy the exported file"),
    "truncated parameters": (
        "pir",
        cut("inference.pdiparams", 26),
        "TruncatedFile",
        "copy the exported file",
    ),
    "another model's parameters": ("pir", others_params, "MixedFiles", "copy both files of the same export"),
    "parameters of another legacy model": ("legacy", others_params, "MixedFiles", "copy both files"),
    "a newer Paddle's program": (
        "pir",
        edited(PIR, b'"version":4', b'"version":5'),
        "NewerPaddle",
        "export it with PaddlePaddle 3.3",
    ),
    "an operator of another Paddle": (
        "pir",
        edited(PIR, b'"1.multiply"', b'"1.frobnicate"'),
        "UnknownOperator",
        "does not have (frobnicate); export it with PaddlePaddle 3.3",
    ),
    "a legacy operator that is gone": (
        "legacy",
        edited(LEGACY, b"\x1a\x0felementwise_mul", b"\x1a\x0fdensity_prior_x"),
        "UnknownOperator",
        "does not have (density_prior_x); export it",
    ),
    "a type of another Paddle": (
        "pir",
        edited(PIR, b'"1.a_dtype"', b'"1.a_newtype"'),
        "OtherPaddle",
        "a_newtype",
    ),
    "an attribute of another Paddle": (
        "pir",
        edited(PIR, b'"N":"bias_after_scale"', b'"N":"bias_later"'),
        "OtherPaddle",
        "export it with PaddlePaddle 3.3",
    ),
}


@pytest.mark.parametrize(("model_format", "change", "reason", "cure"), FAULTS.values(), ids=FAULTS)
def test_the_fault_is_the_termination_message(  # a table's row is its parameters
    exported: Callable[[str, str], Path],
    tmp_path: Path,
    model_format: str,
    change: Change,
    reason: str,
    cure: str,
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(exported(model_format, "pair"), folder)
    change(folder, exported)
    last_word = tmp_path / "termination-log"
    last_word.touch()
    port, admin_port = ports.free(2)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PADDLEMODEL_")} | {
        "PADDLEMODEL_MODEL_DIR": str(folder),
        "PADDLEMODEL_PORT": str(port),
        "PADDLEMODEL_ADMIN_PORT": str(admin_port),
        "PADDLEMODEL_BIND": "127.0.0.1",
        "PADDLEMODEL_WORKERS": "1",
        "PADDLEMODEL_HTTP_WORKERS": "1",
        "TMPDIR": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-c", SERVE, str(last_word)],
        env=environment,
        capture_output=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 1
    termination = json.loads(last_word.read_text())
    assert termination["reason"] == reason
    assert cure in termination["message"]
    assert "\n" not in termination["message"]
    assert "/paddle/" not in termination["message"]
    events = [json.loads(line) for line in (done.stdout + done.stderr).splitlines()]
    assert termination["message"] in [event["message"] for event in events]


def test_an_error_that_nobody_has_foreseen_has_a_last_word_too(tmp_path: Path) -> None:
    last_word = tmp_path / "termination-log"
    last_word.touch()
    program = SERVE.replace(
        "from paddlemodel_server.supervisor import main as supervisor;",
        "from paddlemodel_server.tasks import fitting; fitting.chosen = open;"
        "from paddlemodel_server.supervisor import main as supervisor;",
    )
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", program, str(last_word)]
    done = subprocess.run(command, env=environment, capture_output=True, timeout=180, check=False)
    assert done.returncode == 1
    termination = json.loads(last_word.read_text())
    assert termination["reason"] == "Unexpected"
    assert termination["message"].startswith(
        "The server ended by an error that it does not know: TypeError: "
    )
    (line,) = done.stderr.splitlines()
    assert json.loads(line)["message"] == termination["message"]
    assert not list(tmp_path.glob("paddlemodel-*"))
