"""`paddlemodel status`: which models are Ready, and of one, everything that is known."""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from paddlemodel_api import contract

from paddlemodel_operator.base import names
from paddlemodel_operator.cluster.kubeconfig import UserApi
from paddlemodel_operator.commands.deployed import facts, status_page
from paddlemodel_operator.commands.deployed.connection import attempt, object_name, parser, run
from paddlemodel_operator.commands.deployed.records import NotKnown
from paddlemodel_operator.commands.faults import InputError
from paddlemodel_operator.language.words import speak, t

DESCRIPTION = """Show which PaddleModels are Ready, as a table; or of one everything that is known: each
condition with its reason and cure, versions, replicas, address, digest, autoscaling, the last Events."""

EXAMPLES = """examples:
  paddlemodel status                        # of the context's namespace
  paddlemodel status -A                     # of all namespaces
  paddlemodel status resnet50 -n ml
  paddlemodel status resnet50 -o json | jq .conditions

Exit codes: 0 every model that is shown is Ready; 1 one is not; 2 it cannot be said, and one sentence says
why. A model whose newest spec the operator has not handled yet is not Ready."""


def main(argv: Sequence[str]) -> int:
    """Print the table or the page; returns the exit code."""
    arguments = options().parse_args(argv)
    if arguments.name and arguments.all_namespaces:
        raise InputError(t("NAME is in one namespace: leave out -A, or name it with -n."))
    if arguments.output == "json":
        speak("en")
    found = run(arguments, lambda api: _read(api, arguments.name, everywhere=arguments.all_namespaces))
    if arguments.output == "json":
        shown: Any = found[0] if arguments.name else found
        sys.stdout.write(json.dumps(shown, indent=2, ensure_ascii=False) + "\n")
    elif arguments.name:
        sys.stdout.write(status_page.page(found[0], datetime.now(UTC)))
    elif found:
        every = arguments.all_namespaces
        sys.stdout.write(status_page.listing(found, datetime.now(UTC), with_namespaces=every))
    else:
        sys.stderr.write(t("There are no PaddleModels there; -A looks into all namespaces.") + "\n")
    return 0 if all(one["ready"] for one in found) else 1


def options() -> argparse.ArgumentParser:
    """What the command line may say."""
    made = parser("status", DESCRIPTION, EXAMPLES)
    made.add_argument("name", metavar="NAME", nargs="?", type=object_name, help="a model; by default all")
    made.add_argument("-A", "--all-namespaces", action="store_true", help="of all namespaces")
    made.add_argument("-o", "--output", choices=["text", "json"], default="text", help="by default text")
    return made


async def _read(api: UserApi, name: str | None, *, everywhere: bool) -> list[dict[str, Any]]:
    if name:
        return [await one(api, name)]
    listed = await api.list_all(names.MODEL, namespace=None if everywhere else api.namespace)
    return [facts.of_model(body) for body in listed.items]


async def one(api: UserApi, name: str) -> dict[str, Any]:
    """All facts of one model of the namespace.

    Raises:
        InputError: there is none of this name.
    """
    body = await model(api, name)
    about = f"regarding.kind={contract.KIND},regarding.name={name}"
    deployment, pods, told = await asyncio.gather(
        attempt(api.get(names.DEPLOYMENT, api.namespace, name)),
        attempt(api.list_all(names.POD, f"{contract.MODEL_LABEL}={name}", api.namespace)),
        attempt(api.list_all(names.EVENT, namespace=api.namespace, fields=about)),
    )
    newest = None if isinstance(deployment, NotKnown) else deployment
    return {
        **facts.of_model(body),
        "versions": pods.why if isinstance(pods, NotKnown) else facts.versions(pods.items, newest),
        "events": told.why if isinstance(told, NotKnown) else facts.events(told.items),
    }


async def model(api: UserApi, name: str) -> dict[str, Any]:
    """The PaddleModel of this name.

    Raises:
        InputError: there is none.
    """
    body = await api.get(names.MODEL, api.namespace, name)
    if body is None:
        raise InputError(
            t(
                "there is no PaddleModel {name} in namespace {namespace}; paddlemodel status -A lists all.",
                name=name,
                namespace=api.namespace,
            )
        )
    return body
