"""Others' software in an environment of its own: KServe's client for the tests, peers for the benchmarks.

requirements/peers.txt pins it by hash. It cannot share our environment (kserve wants an older protobuf and
psutil), so the first who needs it makes `.venv-peers` beside `.venv`; `make clean` removes both.
`make test-slow` runs `python -m tests.peers` before the tests, whose time is limited.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

_ROOT = Path(__file__).parents[1]
_REQUIREMENTS = _ROOT / "requirements" / "peers.txt"
_FOLDER = _ROOT / ".venv-peers"


def made() -> bool:
    """Whether somebody has needed it before."""
    return (_FOLDER / ".requirements").exists()


def python() -> Path:
    """The interpreter of the peers' environment; the first call downloads 100 MB (a minute or two).

    The environment is made anew when the locked requirements or our Python change, and only ever whole: tests
    and benchmarks that ask at the same time wait for the one that makes it.
    """
    interpreter, done = _FOLDER / "bin" / "python", _FOLDER / ".requirements"
    _FOLDER.mkdir(exist_ok=True)
    with (_FOLDER / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = f"{sys.version} in {sys.base_prefix}\n{_REQUIREMENTS.read_text()}"
        if not done.exists() or done.read_text() != wanted:
            _make(interpreter)
            done.write_text(wanted)
    return interpreter


def _make(interpreter: Path) -> None:
    sys.stderr.write(f"==> {_FOLDER.name}: others' software from {_REQUIREMENTS.name} (100 MB, once)\n")
    for left in _FOLDER.iterdir():
        if left.name != ".lock":
            shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()
    venv.create(_FOLDER, with_pip=True, symlinks=True)
    # Without the variables by which an outer environment would redirect pip.
    environment = {k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "PIP_TARGET", "PIP_PREFIX"}}
    command = [str(interpreter), "-m", "pip", "install", "--disable-pip-version-check", "--progress-bar=off"]
    command += ["--require-hashes", "--only-binary", ":all:", "--no-deps", "-r", str(_REQUIREMENTS)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as pip:
        for line in pip.stdout or ():
            if line.startswith(("Collecting", "Installing")):
                sys.stderr.write(f"{line.rstrip():.100}\n")
    if pip.returncode:
        raise subprocess.CalledProcessError(pip.returncode, command)


if __name__ == "__main__":
    python()
