"""`paddlemodel`: for people who have a YAML. It chooses the command; each lives in its own file."""

import importlib
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import NoReturn

from paddlemodel_operator.base.errors import SettingsError
from paddlemodel_operator.commands.faults import CommandError
from paddlemodel_operator.commands.listed import COMMANDS
from paddlemodel_operator.commands.options import blocks
from paddlemodel_operator.language import locale
from paddlemodel_operator.language.words import speak

HELP = """usage: paddlemodel COMMAND ...

Works with PaddleModels: a YAML, or models in a cluster, which it reaches as kubectl does. With kubectl on the
PATH, `kubectl paddlemodel COMMAND` is the same.

  run       serve the model on this machine, without a cluster: the same fetch, the same server
  render    print the objects that the operator would make of it, without a cluster
  diff      show what it would change in a cluster, object by object
  status    show which models of a cluster are Ready, and of one everything that is known
  doctor    follow a model from its spec to an answer, and say what is wrong and what to do
  logs      print what all pods of a model write
  top       show how busy models are: requests, time, queue, GPUs, memory

  completion  print what bash or zsh needs to complete all this

options
  --version  print the version
  --help     print this; `paddlemodel COMMAND --help` explains a command, with examples

A first look, without a cluster and with one:
  paddlemodel run examples/cpu-image-classification.yaml
  paddlemodel status -A

Exit codes: 0 done; 1 it could not be done, with one sentence on standard error; 2 the command line or the
YAML is wrong. Of diff, status and doctor 1 is an answer: it differs, is not Ready, is not well.
"""

_ANSWERING = {"diff", "doctor", "status"}
"""Commands whose exit code 1 is an answer: what they cannot do is 2."""


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command that was asked for, and exit."""
    speak(locale.language(os.environ))
    command, *rest = list(sys.argv[1:] if argv is None else argv) or [""]
    if command in {"-h", "--help", "help"}:
        _print(blocks(HELP).rstrip() + "\n")
    if command == "--version":
        _print(version("paddlemodel-operator") + "\n")
    if command not in COMMANDS:
        known = ", ".join(sorted(COMMANDS))
        _refuse(f"there is no command {command!r}; the commands are {known}" if command else blocks(HELP), 2)
    try:
        sys.exit(importlib.import_module(COMMANDS[command]).main(rest))
    except CommandError as error:
        _refuse(f"paddlemodel {command}: {error}", 2 if command in _ANSWERING else error.exit_code)
    except SettingsError as error:
        _refuse(f"paddlemodel {command}: {error}", 2)
    except BrokenPipeError:  # `... | head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        sentence = f"{error.filename or 'a file'}: {error.strerror or error}."
        _refuse(f"paddlemodel {command}: {sentence}", 2 if command in _ANSWERING else 1)
    except KeyboardInterrupt:
        sys.exit(130)


def _print(text: str) -> NoReturn:
    sys.stdout.write(text)
    sys.exit(0)


def _refuse(sentence: str, code: int) -> NoReturn:
    sys.stderr.write(sentence.rstrip() + "\n")
    sys.exit(code)


if __name__ == "__main__":
    main()
