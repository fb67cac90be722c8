"""Others' software in an environment of its own, beside ours, pinned by hash.

It cannot share ours because it wants older versions of what we use. The first who needs it makes it, or
`python -m tests.environment NAME MEGABYTES` before tests, whose time is limited. `make clean` removes it.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Environment:
    """`.venv-NAME`, from requirements/NAME.txt."""

    name: str
    megabytes: int  # that the first call downloads

    @property
    def _folder(self) -> Path:
        return _ROOT / f".venv-{self.name}"

    @property
    def _requirements(self) -> Path:
        return _ROOT / "requirements" / f"{self.name}.txt"

    def made(self) -> bool:
        """Whether somebody has needed it before."""
        return (self._folder / ".requirements").exists()

    def python(self) -> Path:
        """The interpreter; the first call takes a minute or two.

        The environment is made anew when the locked requirements or our Python change, and only ever whole:
        tests and benchmarks that ask at the same time wait for the one that makes it.
        """
        interpreter, done = self._folder / "bin" / "python", self._folder / ".requirements"
        self._folder.mkdir(exist_ok=True)
        with (self._folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            wanted = f"{sys.version} in {sys.base_prefix}\n{self._requirements.read_text()}"
            if not done.exists() or done.read_text() != wanted:
                self._make(interpreter)
                done.write_text(wanted)
        return interpreter

    def _make(self, interpreter: Path) -> None:
        what = f"others' software from {self._requirements.name} ({self.megabytes} MB, once)"
        sys.stderr.write(f"==> {self._folder.name}: {what}\n")
        for left in self._folder.iterdir():
            if left.name != ".lock":
                shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()
        venv.create(self._folder, symlinks=True)  # our own pip fills it: one more takes seconds
        # Without the variables by which an outer environment would redirect pip.
        outer = {"PYTHONPATH", "PIP_TARGET", "PIP_PREFIX"}
        environment = {k: v for k, v in os.environ.items() if k not in outer}
        command = [sys.executable, "-m", "pip", "--python", str(interpreter), "install"]
        command += ["--disable-pip-version-check", "--progress-bar=off", "--no-compile", "--require-hashes"]
        command += ["--only-binary", ":all:", "--no-deps"]
        command += ["-r", str(self._requirements)]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as pip:
            for line in pip.stdout or ():
                if line.startswith(("Collecting", "Installing")):
                    sys.stderr.write(f"{line.rstrip():.100}\n")
        if pip.returncode:
            raise subprocess.CalledProcessError(pip.returncode, command)


if __name__ == "__main__":
    Environment(sys.argv[1], int(sys.argv[2])).python()
