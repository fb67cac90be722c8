"""`paddlemodel-server`: the entry point of the image. It chooses the command; each lives in its own file."""

import importlib
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from paddlemodel_server.errors import StartError
from paddlemodel_server.host import log

HELP = """usage: paddlemodel-server COMMAND ...

Serves PaddlePaddle models over HTTP, and helps before and after.

in a pod
  serve     serve the model in PADDLEMODEL_MODEL_DIR
  fetch     bring a model into a folder, checked

before
  export    save a layer of your code as a model that batches well, and compare it with the layer
  inspect   say what a model is, without running it: inputs, outputs, format, size, digest
  pack      make an image of a model's folder, for a registry

with a model's files, or a running server
  predict   send one request and show the answer
  verify    repeat recorded requests and compare the answers; record them first
  bench     put load on servers, side by side (running ones only)

options
  --version  print the version
  --help     print this; `paddlemodel-server COMMAND --help` explains a command, with examples

A model, inspected, tried and measured:
  paddlemodel-server inspect my-model
  paddlemodel-server predict my-model cat.jpg
  PADDLEMODEL_MODEL_DIR=my-model paddlemodel-server serve &
  paddlemodel-server bench http://localhost:8080

Exit codes: 0 done; 1 the answer is no (a model that cannot be loaded, answers that differ, requests that
failed), with one sentence on standard error; 2 the command line is wrong.
"""

SERVE = """usage: paddlemodel-server serve

Serves the model in PADDLEMODEL_MODEL_DIR over HTTP until SIGTERM, and then finishes what it has.

Settings are environment variables that begin with PADDLEMODEL_; docs/serving.md lists them. An unknown one or
a wrong value is refused with a sentence that says what is right.

examples:
  PADDLEMODEL_MODEL_DIR=my-model PADDLEMODEL_PORT=8080 paddlemodel-server serve

Exit codes: 0 stopped and nothing was lost; 1 it could not start or go on. The reason is the last line of the
log and, in a container, its termination message: `kubectl describe pod` shows it.
"""

# Imported only when asked for: `serve` and `fetch` must not pay for the others.
_COMMANDS = {
    "bench": "paddlemodel_server.commands.bench",
    "export": "paddlemodel_server.commands.export.command",
    "fetch": "paddlemodel_server.fetch.command",
    "inspect": "paddlemodel_server.commands.inspect",
    "pack": "paddlemodel_server.commands.pack",
    "predict": "paddlemodel_server.commands.predict",
    "verify": "paddlemodel_server.commands.verify",
}


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command that was asked for, and exit."""
    command, *rest = list(sys.argv[1:] if argv is None else argv) or [""]
    if command in {"-h", "--help", "help"}:
        _print(HELP)
    if command == "--version":
        from importlib.metadata import version  # noqa: PLC0415 - 20 ms, which `serve` and `fetch` need not pay

        _print(version("paddlemodel-server") + "\n")
    if command == "serve":
        _serve(rest)
    if command not in _COMMANDS:
        known = ", ".join(sorted([*_COMMANDS, "serve"]))
        _refuse(f"there is no command {command!r}; the commands are {known}" if command else HELP, 2)
    try:
        sys.exit(importlib.import_module(_COMMANDS[command]).main(rest))
    except StartError as error:
        _fail(command, error.message)
    except BrokenPipeError:  # `... | head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        _fail(command, f"{error.filename or 'a file'}: {error.strerror or error}.")
    except MemoryError:
        _fail(command, "There is not enough memory for this.")
    except KeyboardInterrupt:
        sys.exit(130)


def _fail(command: str, sentence: str) -> NoReturn:
    # It may quote a name from a model or a server, who must not command the terminal.
    _refuse(f"paddlemodel-server {command}: {log.escaped(sentence)}", 1)


def _serve(rest: Sequence[str]) -> NoReturn:
    if rest in (["-h"], ["--help"]):
        _print(SERVE)
    if rest:
        _refuse(f"serve takes no arguments, only PADDLEMODEL_ variables; found {' '.join(rest)}", 2)
    from paddlemodel_server.host import signals  # noqa: PLC0415 - only `serve` needs it

    signals.hold()
    from paddlemodel_server.supervisor import main as supervisor  # noqa: PLC0415 - imports numpy, which starts threads

    sys.exit(supervisor.run(dict(os.environ)))


def _print(text: str) -> NoReturn:
    sys.stdout.write(text)
    sys.exit(0)


def _refuse(sentence: str, code: int) -> NoReturn:
    sys.stderr.write(sentence.rstrip() + "\n")
    sys.exit(code)


if __name__ == "__main__":
    main()
