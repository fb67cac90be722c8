"""Runs `paddlemodel-server` as a program, for the tests of its commands."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from paddlemodel_server import cli


def command(*arguments: object, folder: Path | None = None, code: int = 0) -> str:
    """Run a command; its standard output, or where it must fail its standard error."""
    done = subprocess.run(
        [sys.executable, "-m", "paddlemodel_server.cli", *(str(a) for a in arguments)],
        cwd=folder,
        env={k: v for k, v in os.environ.items() if not k.startswith("PADDLEMODEL_")},
        capture_output=True,
        text=True,
        timeout=600,  # a busy machine may take its time
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr if code else done.stdout


def called(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> str:
    """The same in this process, which costs no start: both outputs, for what must be in neither."""
    with pytest.raises(SystemExit) as ended:
        cli.main([str(argument) for argument in arguments])
    seen = capsys.readouterr()
    assert (ended.value.code or 0) == code, seen.err
    return seen.out + seen.err
