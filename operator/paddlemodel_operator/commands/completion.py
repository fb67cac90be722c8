"""`paddlemodel completion`: what a shell has to know to complete the commands and their options."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

import shtab

from paddlemodel_operator.commands.listed import COMMANDS
from paddlemodel_operator.commands.options import Parser

DESCRIPTION = (
    """Print a script by which bash or zsh completes commands, options, their values and file names."""
)

EXAMPLES = """examples:
  source <(paddlemodel completion bash)     # in ~/.bashrc; needs the package bash-completion
  paddlemodel completion zsh > "${fpath[1]}/_paddlemodel"     # once; then a new shell

Exit codes: 0 printed; 2 the command line is wrong."""


def main(argv: Sequence[str]) -> int:
    """Print the script; returns the exit code."""
    shell = options().parse_args(argv).shell
    sys.stdout.write(shtab.complete(_everything(), shell) + "\n")
    return 0


def options() -> argparse.ArgumentParser:
    """What the command line may say."""
    made = Parser("completion", DESCRIPTION, EXAMPLES)
    made.add_argument("shell", choices=["bash", "zsh"], help="for which one")
    return made


def _everything() -> argparse.ArgumentParser:
    """One parser of all commands, as a shell sees them."""
    root = argparse.ArgumentParser(prog="paddlemodel", add_help=False)
    root.add_argument("--help", action="store_true", help="what there is")
    root.add_argument("--version", action="store_true", help="of the program")
    commands = root.add_subparsers()
    for name, module in COMMANDS.items():
        own: argparse.ArgumentParser = import_module(module).options()
        for action in own._actions:  # noqa: SLF001 - argparse has no other list of them
            if action.dest in {"file", "kubeconfig"}:
                action.complete = shtab.FILE  # type: ignore[attr-defined]  # where shtab looks for it
        about = (own.description or "").partition(":")[0].partition(".")[0].replace("\n", " ")
        commands.add_parser(name, parents=[own], add_help=False, help=about)
    return root
