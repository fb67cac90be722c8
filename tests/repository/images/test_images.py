"""The Dockerfiles, without building them: pins, rights, and the arguments that choose CPU or GPU."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.repository.sources import ROOT, named, shown, text

DOCKERFILES = named("Dockerfile.operator", "Dockerfile.serving")
INSTALL = ROOT / "serving_image/install.sh"
LOCK = ROOT / "requirements/serving-cpu.txt"


def instructions(path: Path) -> list[str]:
    joined = re.sub(r"\\\n\s*", "", re.sub(r"^\s*#.*\n", "", text(path), flags=re.MULTILINE))
    return [line for line in joined.splitlines() if line.strip()]


@pytest.mark.parametrize("path", DOCKERFILES, ids=shown)
def test_the_base_is_one_argument_pinned_by_digest(path: Path) -> None:
    lines = instructions(path)
    assert re.fullmatch(r"ARG BASE=debian:bookworm-\d{8}-slim@sha256:[0-9a-f]{64}", lines[0])
    assert {line.removesuffix(" AS build") for line in lines if line.startswith("FROM ")} == {"FROM ${BASE}"}


@pytest.mark.parametrize("path", DOCKERFILES, ids=shown)
def test_what_is_installed_is_checked_by_hash(path: Path) -> None:
    pips = re.findall(r"pip (?:--python \S+ )?(install|wheel)([^&]*)", "\n".join(instructions(path)))
    assert pips
    for command, options in pips:
        if command == "wheel" or "--no-index" in options:  # our own source, without dependencies
            assert "--no-deps" in options
        else:
            assert "--require-hashes" in options
            assert "--only-binary :all:" in options


@pytest.mark.parametrize("path", DOCKERFILES, ids=shown)
def test_the_final_stage_has_no_tools_and_no_root(path: Path) -> None:
    lines = instructions(path)
    final = lines[max(index for index, line in enumerate(lines) if line.startswith("FROM ")) :]
    packages = next(line for line in final if "apt-get install" in line)
    assert not re.search(r"\b(?:pip|gcc|g\+\+|binutils|build-essential|python3-venv|curl|git)\b", packages)
    assert "USER 65532:65532" in final
    # kopf asks getpass for a user name, and 65532 has none in /etc/passwd.
    assert any(line.startswith("ENV ") and "HOME=/tmp USER=paddlemodel" in line for line in final)


def test_entrypoints_are_as_agreed() -> None:
    ends = {
        shown(path): [line for line in instructions(path) if line.startswith("ENTRYPOINT")]
        for path in DOCKERFILES
    }
    assert ends == {
        "Dockerfile.operator": ['ENTRYPOINT ["python", "-m", "paddlemodel_operator"]'],
        "Dockerfile.serving": ['ENTRYPOINT ["paddlemodel-server"]'],
    }


@pytest.mark.parametrize("path", DOCKERFILES, ids=shown)
def test_what_is_copied_reaches_the_builder(path: Path) -> None:
    """.dockerignore lets nothing through that it does not name."""
    allowed = [line[1:] for line in text(ROOT / ".dockerignore").splitlines() if line.startswith("!")]
    for line in instructions(path):
        if line.startswith("COPY ") and "--from" not in line:
            for source in line.split()[1:-1]:
                assert (ROOT / source).exists()
                assert any(
                    Path(source).match(rule) or rule.startswith(source.rstrip("/")) for rule in allowed
                ) or any(source.startswith(f"{rule}/") for rule in allowed), (
                    f"{source} is not in .dockerignore"
                )


def install(tmp_path: Path, **arguments: str) -> tuple[int, list[str], str]:
    """Run the build stage's script with a pip that only notes what it is asked to do."""
    calls = tmp_path / "calls"
    pip = tmp_path / "pip"
    pip.write_text(
        f'#!/bin/sh\necho "$*" >> {calls}\n'
        f'while [ $# -gt 0 ]; do [ "$1" = -r ] && cp "$2" {tmp_path}/list; shift; done\n'
    )
    pip.chmod(0o755)
    environment = {"PATH": os.environ["PATH"], "TMPDIR": str(tmp_path), **arguments}
    command = [str(INSTALL), str(pip), "/opt/venv/bin/python", str(LOCK)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    return done.returncode, calls.read_text().splitlines() if calls.exists() else [], done.stderr


INDEX = "https://index.example/cu126/"
ALWAYS = "--python /opt/venv/bin/python install --no-cache-dir --no-compile --only-binary :all:"


def test_cpu_installs_the_lock_and_nothing_else(tmp_path: Path) -> None:
    code, calls, _ = install(tmp_path, DEVICE="cpu")
    assert (code, calls) == (0, [f"{ALWAYS} --no-deps --require-hashes -r {LOCK}"])


def test_gpu_takes_only_paddle_and_its_cuda_libraries_from_paddle_s_index(tmp_path: Path) -> None:
    code, calls, _ = install(tmp_path, DEVICE="gpu", PADDLE_INDEX=INDEX)
    assert code == 0
    locked, paddle = calls
    assert locked.startswith(f"{ALWAYS} --no-deps --require-hashes -r {tmp_path}/")
    assert paddle == f"{ALWAYS} --index-url {INDEX} paddlepaddle-gpu=={paddle_version()}"
    # Everything but paddlepaddle itself comes from the lock of the CPU image, hashes included.
    assert requirements(tmp_path / "list") == requirements(LOCK) - {f"paddlepaddle=={paddle_version()}"}
    assert "paddlepaddle" not in (tmp_path / "list").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"DEVICE": "gpu"}, "PADDLE_INDEX"),
        ({"DEVICE": "gpu", "PADDLE_INDEX": ""}, "PADDLE_INDEX"),
        ({"DEVICE": "tpu"}, "must be cpu or gpu"),
    ],
)
def test_a_wrong_argument_is_refused_before_anything_is_installed(
    tmp_path: Path, arguments: dict[str, str], said: str
) -> None:
    code, calls, message = install(tmp_path, **arguments)
    assert (code, calls) == (2, [])
    assert said in message


def test_both_devices_run_the_same_paddle() -> None:
    extras = text(ROOT / "serving_image/pyproject.toml")
    assert f"paddlepaddle=={paddle_version()}" in extras
    assert f"paddlepaddle-gpu=={paddle_version()}" in extras


def requirements(path: Path) -> set[str]:
    return set(re.findall(r"^([a-z0-9][\w.-]*==[^\s;]+)", path.read_text(), re.MULTILINE))


def paddle_version() -> str:
    found = re.search(r"^paddlepaddle==(\S+)", LOCK.read_text(), re.MULTILINE)
    assert found is not None
    return found[1]
