"""How `verify` compares answers: what `spec.verification` says of outputs, as options."""

import argparse
from collections.abc import Sequence
from typing import Any

from paddlemodel_server.commands import console
from paddlemodel_server.verification import rules
from paddlemodel_server.verification.differences import Tolerance, Tolerances

FORMS = "OUTPUT=TopK:K, OUTPUT=Text or OUTPUT=Text:PART"
_NUMBERS = {"TopK": "k", "Text": "relative"}


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    defaults = {"rtol": ("relative", rules.EXACT.rtol), "atol": ("absolute", rules.EXACT.atol)}
    for name, (kind, number) in defaults.items():
        words = f"{kind} tolerance (default {number:g})"
        parser.add_argument(f"--{name}", type=console.tolerance, default=number, help=words)
    parser.add_argument(
        "--tolerance",
        type=_tolerance,
        action="append",
        default=[],
        metavar="OUTPUT=RTOL,ATOL",
        help="the tolerances of one output, or of one field of a task's answer",
    )
    parser.add_argument(
        "--compare",
        type=_compared,
        action="append",
        default=[],
        metavar="OUTPUT=TopK:K|Text[:PART]",
        help="compare one output, or one field, by the places of its K largest values, or by its texts, of "
        "whose characters PART (default 0) may be others",
    )


def taken(values: dict[str, Any], parser: argparse.ArgumentParser) -> Tolerances:
    """Take the options out of a parsed command line; one that contradicts another ends the process."""
    default = Tolerance(rtol=values.pop("rtol"), atol=values.pop("atol"))
    named: Sequence[tuple[str, Tolerance]] = values.pop("tolerance") + values.pop("compare")
    names = [name for name, _ in named]
    if twice := [name for name in names if names.count(name) > 1]:
        parser.error(f"--tolerance and --compare name {twice[0]} twice; each output is compared in one way")
    return Tolerances(default=default, of=dict(named))


def _tolerance(text: str) -> tuple[str, Tolerance]:
    name, _, numbers = text.rpartition("=")
    try:
        rtol, atol = (console.tolerance(part) for part in numbers.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is no OUTPUT=RTOL,ATOL") from None
    return name, Tolerance(rtol=rtol, atol=atol)


def _compared(text: str) -> tuple[str, Tolerance]:
    """As an entry of `spec.verification.outputs` says it, by that entry's own rules."""
    from paddlemodel_api import faults  # noqa: PLC0415 - 0.1 s, which other commands need not pay
    from paddlemodel_api.rollout.verification import Output  # noqa: PLC0415
    from pydantic import ValidationError  # noqa: PLC0415

    name, _, how = text.rpartition("=")
    kind, _, number = how.partition(":")
    if kind not in _NUMBERS or not name:
        raise argparse.ArgumentTypeError(f"{text} is none of {FORMS}")
    try:
        given = {_NUMBERS[kind]: int(number) if kind == "TopK" else number} if number else {}
        output = Output.model_validate({"name": name, "compare": kind, **given})
    except ValidationError as error:
        raise argparse.ArgumentTypeError(f"{text}: {faults.sentence(error, 'it')}") from None
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is none of {FORMS}") from None
    return name, rules.of_output(output, rules.EXACT)
