"""`paddlemodel doctor`: what is wrong with a model, and what to do."""

import argparse
import json
import sys
from collections.abc import Sequence

from paddlemodel_operator.cluster.kubeconfig import UserApi
from paddlemodel_operator.commands.deployed import status
from paddlemodel_operator.commands.deployed.connection import object_name, parser, run
from paddlemodel_operator.commands.deployed.doctor import network_steps, steps
from paddlemodel_operator.commands.deployed.doctor.gather import gather
from paddlemodel_operator.commands.deployed.doctor.seen import Seen, State, Step
from paddlemodel_operator.commands.deployed.text import columns, padded, wrapped
from paddlemodel_operator.language.words import speak, t

DESCRIPTION = """Follow a model from its spec to an answer, and say of each step whether it is well, and
where it is not, why and what to do: spec, operator, objects, pods, image, fetch, load, verification, ready,
service, autoscaling, ingress, gateway, answer. For the last one a ready pod is asked for its model's
metadata, through the API server.

It reads with your rights; what they do not suffice for is "not known", and the right is named."""

EXAMPLES = """examples:
  paddlemodel doctor resnet50
  paddlemodel doctor resnet50 -n ml -o json

Exit codes: 0 every step is ok; 1 one has failed or is not known; 2 the model cannot be read, and one sentence
says why."""


def main(argv: Sequence[str]) -> int:
    """Print a line for each step; returns the exit code."""
    arguments = options().parse_args(argv)
    if arguments.output == "json":
        speak("en")
    found = run(arguments, lambda api: _walk(api, arguments.name))
    if arguments.output == "json":
        told = [{"step": one.name, "state": one.state.value, "text": one.text} for one in found]
        sys.stdout.write(json.dumps(told, indent=2, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write("".join(_line(one) for one in found) + conclusion(found))
    return 0 if all(one.state is State.OK for one in found) else 1


def options() -> argparse.ArgumentParser:
    """What the command line may say."""
    made = parser("doctor", DESCRIPTION, EXAMPLES)
    made.add_argument("name", metavar="NAME", type=object_name, help="of the PaddleModel")
    made.add_argument("-o", "--output", choices=["text", "json"], default="text", help="by default text")
    return made


async def _walk(api: UserApi, name: str) -> list[Step]:
    return walk(await gather(api, await status.model(api, name)))


def walk(seen: Seen) -> list[Step]:
    """All steps in their order."""
    first = [steps.spec(seen), steps.operator(seen), steps.children(seen)]
    return [*first, *steps.of_pods(seen), *network_steps.of_network(seen)]


def _line(step: Step) -> str:
    head = f"{padded(t(step.state.value), 10)}{step.name:<14}"
    return head + wrapped(step.text, " " * columns(head)).lstrip() + "\n"


def conclusion(found: Sequence[Step]) -> str:
    """The last line: where to begin."""
    broken = next((one for one in found if one.state is State.FAILED), None)
    if broken is not None:
        return f"\n{t('Begin with the step {step}.', step=broken.name)}\n"
    unknown = [one.name for one in found if one.state is State.NOT_KNOWN]
    if unknown:
        return f"\n{t('Nothing has failed; not known: {steps}.', steps=t(', ').join(unknown))}\n"
    return f"\n{t('Every step is ok, from the spec to the answer.')}\n"
