"""`paddlemodel logs`: what all pods of a model write, together."""

import argparse
import asyncio
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from paddlemodel_api import contract

from paddlemodel_operator.base import names
from paddlemodel_operator.base.errors import ApiError
from paddlemodel_operator.cluster.kubeconfig import UserApi, is_forbidden
from paddlemodel_operator.commands.deployed import status
from paddlemodel_operator.commands.deployed.connection import object_name, parser, run, sentence
from paddlemodel_operator.commands.deployed.logs.lines import LEVELS, passes, seconds, shown
from paddlemodel_operator.commands.faults import InputError

DESCRIPTION = """Print the logs of all pods of a model, each line with its pod in front; with --fetch also
those of the fetchers, which brought the model."""

EXAMPLES = """examples:
  paddlemodel logs resnet50
  paddlemodel logs resnet50 -n ml -f --level WARNING     # what goes wrong from now on, in new pods, too
  paddlemodel logs resnet50 --fetch --since 1h30m
  paddlemodel logs resnet50 --previous                   # of servers that have crashed
  paddlemodel logs resnet50 -o json | jq 'select(.level == "ERROR")'

A line without a level, such as the last words of a crash, passes every --level.

Exit codes: 0 printed; 1 the log of a pod cannot be read, and one sentence on standard error says why; 2 the
command line is wrong, or there is no such model."""

LOOK_SECONDS: Final = 2.0
"""Between two looks for new pods and new containers, while logs are followed."""
AGAIN_SECONDS: Final = 3
"""Of what is asked for once more where a log has ended and its container has not."""
Source = tuple[str, str]
"""A pod and a container."""


class _Began(NamedTuple):
    """A container that has begun."""

    source: Source
    starts: int
    """How often it was started again."""
    runs: bool


@dataclass
class _Reading:
    """What has been asked for, and what came of it."""

    api: UserApi
    arguments: argparse.Namespace
    failed: bool = False
    tasks: dict[Source, asyncio.Task[None]] = field(default_factory=dict)
    starts: dict[Source, int] = field(default_factory=dict)
    """Of the containers that are or were followed, when that began."""


def main(argv: Sequence[str]) -> int:
    """Print the lines; returns the exit code."""
    arguments = options().parse_args(argv)
    if arguments.follow and arguments.previous:
        raise InputError("-f and --previous: what has ended cannot be followed; leave one of them out.")
    return run(arguments, lambda api: _print_logs(_Reading(api, arguments)))


def options() -> argparse.ArgumentParser:
    """What the command line may say."""
    made = parser("logs", DESCRIPTION, EXAMPLES)
    add = made.add_argument
    add("name", metavar="NAME", type=object_name, help="of the PaddleModel")
    add("-f", "--follow", action="store_true", help="go on until Ctrl-C, also with new pods")
    add("--fetch", action="store_true", help="also what the fetchers wrote")
    add("--previous", action="store_true", help="of the containers before their last restart")
    add("--since", type=seconds, metavar="TIME", help="not what is older, such as 90s, 10m or 1h30m")
    add("--tail", type=_count, metavar="N", help="only the last N lines of each pod")
    add("--level", choices=LEVELS, default="DEBUG", help="this one and what is worse")
    add(
        "-o",
        "--output",
        choices=["text", "json"],
        default="text",
        help="json: the lines as they were written",
    )
    return made


def _count(text: str) -> int:
    if not re.fullmatch("[0-9]{1,8}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of lines")
    return int(text)


async def _print_logs(reading: _Reading) -> int:
    found = await _pods(reading)
    if not found:
        await status.model(reading.api, reading.arguments.name)
        sys.stderr.write("The model has no pods; paddlemodel doctor says why.\n")
    if not reading.arguments.follow:
        sources = [one.source for pod in found for one in _sources(reading, pod)]
        if found and not sources and reading.arguments.previous:
            sys.stderr.write("None of its containers was started again, so none has a log of before.\n")
        for source in sources:
            await _copy(reading, source, reading.arguments.since)
        return 1 if reading.failed else 0
    while not reading.failed:
        for pod in await _pods(reading):
            _begin(reading, pod)
        await asyncio.sleep(LOOK_SECONDS)
        for task in reading.tasks.values():
            if task.done():
                task.result()  # Raises what has ended it, such as a reader that has gone: `... | head`.
    return 1


async def _pods(reading: _Reading) -> list[Mapping[str, Any]]:
    selector = f"{contract.MODEL_LABEL}={reading.arguments.name},!{contract.UPDATE_CHECK_LABEL}"
    listed = await reading.api.list_all(names.POD, selector, reading.api.namespace)
    return sorted(listed.items, key=lambda pod: str(pod["metadata"].get("creationTimestamp")))


def _sources(reading: _Reading, pod: Mapping[str, Any]) -> Iterator[_Began]:
    """The containers of a pod that have begun; with --previous those that were started again."""
    found = pod.get("status", {})
    statuses = [
        *(found.get("initContainerStatuses", ()) if reading.arguments.fetch else ()),
        *found.get("containerStatuses", ()),
    ]
    for one in statuses:
        state, last = one.get("state", {}), one.get("lastState")
        has_begun = last or (not reading.arguments.previous and ("running" in state or "terminated" in state))
        fetches = names.model_of(one["name"], names.FETCH_CONTAINER)
        if has_begun and (fetches or one["name"] == names.SERVER_CONTAINER):
            source = (pod["metadata"]["name"], one["name"])
            yield _Began(source, one.get("restartCount", 0), "running" in state)


def _begin(reading: _Reading, pod: Mapping[str, Any]) -> None:
    """Follow what is not followed: a new pod, a container that was started again, a connection that broke."""
    for source, starts, runs in _sources(reading, pod):
        task, before = reading.tasks.get(source), reading.starts.get(source)
        if (task is not None and not task.done()) or (before == starts and not runs):
            continue
        since = reading.arguments.since if before is None else AGAIN_SECONDS
        reading.starts[source] = starts
        reading.tasks[source] = asyncio.create_task(_copy(reading, source, since))


async def _copy(reading: _Reading, source: Source, since: int | None) -> None:
    """Print the log of one container, to its end; `since` is in seconds."""
    arguments, (pod, container) = reading.arguments, source
    asked = {
        "container": container,
        "follow": str(arguments.follow).lower() if arguments.follow else "",
        "previous": "true" if arguments.previous else "",
        "sinceSeconds": str(since or ""),
        "tailLines": "" if arguments.tail is None else str(arguments.tail),
    }
    path = f"{names.POD.item(reading.api.namespace, pod)}/log"
    prefix = pod if container == names.SERVER_CONTAINER else f"{pod}/{container}"
    try:
        async for line in reading.api.lines(path, {key: value for key, value in asked.items() if value}):
            if passes(line, arguments.level):
                sys.stdout.write(_told(line, prefix, raw=arguments.output == "json"))
                sys.stdout.flush()
    except ApiError as error:
        is_gone = error.code == 404
        reading.failed = reading.failed or (not is_gone and (not arguments.follow or is_forbidden(error)))
        sys.stderr.write(f"==> {prefix}: {sentence(error)}\n")


def _told(line: bytes, prefix: str, *, raw: bool) -> str:
    if raw:
        return line.decode(errors="replace") + "\n"
    return f"{prefix} {shown(line)}\n"
