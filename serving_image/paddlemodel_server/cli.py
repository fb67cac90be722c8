"""`paddlemodel-server`: the entry point of the image."""

import argparse
import os
import sys
from importlib.metadata import version
from typing import NoReturn

SERVE = """Serve the model in PADDLEMODEL_MODEL_DIR over HTTP.

Settings are environment variables that begin with PADDLEMODEL_; docs/serving.md lists them. An unknown one or
a wrong value is refused with a sentence that says what is right.
"""


def main() -> NoReturn:
    """Run the command that was asked for."""
    parser = argparse.ArgumentParser(
        prog="paddlemodel-server", description="Serves PaddlePaddle models over HTTP."
    )
    parser.add_argument("--version", action="version", version=version("paddlemodel-server"))
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser(
        "serve",
        help="serve a model",
        description=SERVE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    # `fetch` parses its own arguments, --help included.
    commands.add_parser("fetch", help="bring a model into a folder, checked", add_help=False)
    arguments, rest = parser.parse_known_args()
    if arguments.command == "fetch":
        from paddlemodel_server import fetch  # noqa: PLC0415 - `serve` needs nothing of it

        sys.exit(fetch.main(rest))
    if rest:
        parser.error(f"serve takes no arguments, only PADDLEMODEL_ variables; found {' '.join(rest)}")
    from paddlemodel_server import supervisor  # noqa: PLC0415 - `fetch` needs nothing of it

    sys.exit(supervisor.run(dict(os.environ)))


if __name__ == "__main__":
    main()
