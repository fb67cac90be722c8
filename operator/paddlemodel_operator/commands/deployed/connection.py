"""What every command for a cluster shares: kubectl's options, the connection, sentences for its faults."""

import argparse
import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from paddlemodel_operator.base.errors import ApiError
from paddlemodel_operator.cluster.kubeconfig import KubeconfigError, UserApi, connect
from paddlemodel_operator.commands.deployed.records import NotKnown
from paddlemodel_operator.commands.faults import CommandError, InputError
from paddlemodel_operator.commands.options import Parser
from paddlemodel_operator.language.words import t

SECONDS: Final = 30.0
T = TypeVar("T")


def parser(command: str, description: str, epilog: str) -> argparse.ArgumentParser:
    """A parser with the options by which kubectl, too, is told the cluster and the namespace."""
    made = Parser(command, description, epilog)
    add = made.add_argument
    add("-n", "--namespace", metavar="NS", type=object_name, help="by default the context's")
    add("--context", metavar="NAME", help="of the kubeconfig; by default its current one")
    add("--kubeconfig", metavar="PATH", help="by default KUBECONFIG, else ~/.kube/config, else the pod's own")
    return made


def object_name(text: str) -> str:
    """An argument that becomes a part of an address of the API."""
    if not re.fullmatch(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?", text):
        raise argparse.ArgumentTypeError(
            t("{text} is no name: lower-case letters, digits and - make one", text=repr(text))
        )
    return text


def run(arguments: argparse.Namespace, work: Callable[[UserApi], Awaitable[T]]) -> T:
    """Connect as the options say, and do the work.

    Raises:
        CommandError: it cannot be done; the sentence says why.
    """
    return asyncio.run(_run(arguments, work))


async def _run(arguments: argparse.Namespace, work: Callable[[UserApi], Awaitable[T]]) -> T:
    try:
        api = await connect(arguments.kubeconfig, arguments.context, SECONDS)
    except KubeconfigError as error:
        raise InputError(
            t("no cluster can be reached: {error} Set KUBECONFIG or --kubeconfig.", error=error)
        ) from None
    async with api:
        api.namespace = arguments.namespace or api.namespace
        try:
            return await work(api)
        except ApiError as error:
            raise CommandError(sentence(error)) from None


def sentence(error: ApiError) -> str:
    """What an answer of the API server means for the person who typed."""
    match error.code:
        case 0:
            return t(
                "the API server does not answer: check the kubeconfig, the context and the network. {said}",
                said=error.message,
            )
        case 401:
            return t("the API server does not know who you are: log in again, as for kubectl.")
        case 403 if " cannot " in error.message:
            return t("you lack a right, ask for it: {said}", said=error.message)
        case _:
            return t("the API server refuses: {said}", said=error.message or error.reason)


async def attempt(reading: Awaitable[T]) -> T | NotKnown:
    """What is read, or why it cannot be."""
    try:
        return await reading
    except ApiError as error:
        return NotKnown(sentence(error))
