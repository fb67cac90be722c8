"""`paddlemodel completion`: what a real bash makes of the script."""

import shutil
import subprocess

import pytest
from paddlemodel_operator.commands.listed import COMMANDS

from tests.operator.support.deployed.world import run_here


def completed(script: str, *words: str) -> list[str]:
    """What bash offers in place of the last word."""
    typed = " ".join(f"'{word}'" for word in words)
    asked = f"COMP_WORDS=({typed}); COMP_CWORD={len(words) - 1}; _shtab_paddlemodel; echo ${{COMPREPLY[@]}}"
    done = subprocess.run(
        ["bash", "--norc", "-c", f"{script}\n{asked}"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_bash_completes_commands_options_and_values() -> None:
    script = run_here("completion", "bash").out
    assert set(COMMANDS) <= set(completed(script, "paddlemodel", ""))
    assert completed(script, "paddlemodel", "sta") == ["status"]
    assert "--all-namespaces" in completed(script, "paddlemodel", "status", "--a")
    assert completed(script, "paddlemodel", "logs", "--level", "W") == ["WARNING"]


def test_zsh_accepts_its_script() -> None:
    script = run_here("completion", "zsh").out
    assert script.startswith("#compdef paddlemodel")
    assert all(f"\n    {name}:" in script for name in COMMANDS)
    zsh = shutil.which("zsh")
    if zsh is None:
        pytest.skip("there is no zsh on this machine to read it")
    done = subprocess.run([zsh, "-n"], input=script, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
