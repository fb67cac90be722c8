"""`paddlemodel diff`: what a YAML would change in the cluster: the PaddleModel, and what is made of it."""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from paddlemodel_api import contract

from paddlemodel_operator.base import names
from paddlemodel_operator.base.errors import ApiError, NameConflict
from paddlemodel_operator.base.model import PaddleModel
from paddlemodel_operator.base.names import ChildKey
from paddlemodel_operator.cluster.cache import owned_by
from paddlemodel_operator.cluster.kubeconfig import UserApi
from paddlemodel_operator.cluster.trim import LAST_APPLIED
from paddlemodel_operator.commands import manifest
from paddlemodel_operator.commands.deployed import operator_settings
from paddlemodel_operator.commands.deployed.connection import parser, run, sentence
from paddlemodel_operator.commands.deployed.differences import difference, three_way
from paddlemodel_operator.commands.deployed.records import NotKnown
from paddlemodel_operator.commands.faults import CommandError
from paddlemodel_operator.observe.children import LiveObjects, observe
from paddlemodel_operator.reconcile.rollout import planned
from paddlemodel_operator.reconcile.tracks import Tracks
from paddlemodel_operator.render import Rollout
from paddlemodel_operator.render.rollout import AT_ONCE
from paddlemodel_operator.settings import Settings, from_environment
from paddlemodel_operator.status.known import known
from paddlemodel_operator.status.updates import replacement

DESCRIPTION = """Show what the PaddleModels of a file would change in the cluster, as a unified diff for each
object: the PaddleModel, and the objects that the operator would make of it, change or delete.

The API server answers a dry run and keeps nothing. It needs your rights to get, list and patch PaddleModels,
Services, Deployments and the others. The operator's settings, such as the images, are read from its
Deployment; where you may not, from the variables PADDLEMODEL_OPERATOR_*. Signatures and logins in URIs, and
values of variables that are called like a secret, are not shown."""

EXAMPLES = """examples:
  paddlemodel diff model.yaml
  paddlemodel diff model.yaml -n ml --context production
  paddlemodel render model.yaml      # without a cluster: the objects themselves

Exit codes, as of kubectl diff: 0 nothing would change; 1 something would; 2 it cannot be said, and one
sentence says why."""

KUBECTL: Final = "kubectl"
"""What `kubectl apply --server-side` calls itself."""
_WRITTEN_BY_SERVER: Final = ("uid", "resourceVersion", "managedFields", "creationTimestamp", "generation")
Live = Mapping[ChildKey, Mapping[str, Any]]


def main(argv: Sequence[str]) -> int:
    """Print the differences; returns the exit code."""
    arguments = options().parse_args(argv)
    return run(arguments, lambda api: _diff(api, arguments.file))


def options() -> argparse.ArgumentParser:
    """What the command line may say."""
    made = parser("diff", DESCRIPTION, EXAMPLES)
    made.add_argument("file", metavar="FILE", help="a YAML with PaddleModels, or - for standard input")
    return made


async def _diff(api: UserApi, file: str) -> int:
    found = manifest.bodies(file, api.namespace)
    for body in found:
        manifest.parsed(file, body)  # All are right, or nothing is asked.
    texts, faults = [], []
    settings: dict[str, Settings] = {}
    for body in found:
        namespace = body["metadata"]["namespace"]
        if namespace not in settings:
            settings[namespace] = await _settings(api, namespace)
        told, wrong = await _of_model(api, file, body, settings[namespace])
        texts += [text for text in told if text]
        faults += wrong
    sys.stdout.write("".join(texts))
    if faults:
        raise CommandError("; ".join(faults))
    return 1 if texts else 0


async def _settings(api: UserApi, namespace: str) -> Settings:
    found = await operator_settings.find(api, namespace)
    settings = found.settings if not isinstance(found, NotKnown) else found
    if not isinstance(settings, NotKnown):
        return settings
    sys.stderr.write(f"==> the operator's settings are taken from this shell: {settings.why}\n")
    return from_environment(os.environ)


async def _of_model(
    api: UserApi, file: str, body: dict[str, Any], settings: Settings
) -> tuple[list[str], list[str]]:
    """The differences of one model and its children, and what cannot be said."""
    metadata = body["metadata"]
    namespace, name = metadata["namespace"], metadata["name"]
    live = await api.get(names.MODEL, namespace, name)
    merged = await _merged(api, body, live)
    uid = live["metadata"]["uid"] if live else manifest.UNKNOWN_UID
    model = manifest.parsed(file, {**merged, "metadata": {**merged["metadata"], "uid": uid}})
    if model.paused:
        sys.stderr.write(f"==> {name} is paused: the operator changes its objects only afterwards.\n")
    existing = await _existing(api, model, settings)
    contents = replacement(model, observe(await _live(api, model, existing)))
    rollout = await _rollout(api, (model, settings, contents), existing, live)
    desired = manifest.children(file, model, settings, contents, rollout)
    texts, faults = [difference(_named(names.MODEL, namespace, name), live, merged)], []
    for child, wanted in desired.items():
        try:
            texts.append(await _of_child(api, model, child, wanted, existing.get(child)))
        except (ApiError, NameConflict) as error:
            faults.append(f"{child}: {error if isinstance(error, NameConflict) else sentence(error)}")
    for child, left in existing.items():
        if child not in desired and owned_by(left, model.uid):
            texts.append(difference(_named(child.kind, namespace, child.name), left, None))
    return texts, faults


async def _merged(api: UserApi, body: dict[str, Any], live: Mapping[str, Any] | None) -> dict[str, Any]:
    """The PaddleModel as it would be: by the kind of apply by which it was written before."""
    metadata = {key: value for key, value in body["metadata"].items() if key not in _WRITTEN_BY_SERVER}
    wanted = {**{key: value for key, value in body.items() if key != "status"}, "metadata": metadata}
    applied = (live or {"metadata": {}})["metadata"].get("annotations", {}).get(LAST_APPLIED)
    if live is not None and applied:
        metadata.setdefault("annotations", {})  # kubectl notes them as applied, if only as none.
        patch = three_way(json.loads(applied), wanted, live)
        return await api.dry_merge(names.MODEL, metadata["namespace"], metadata["name"], patch)
    try:
        return await api.dry_apply(names.MODEL, wanted, KUBECTL, force=False)
    except ApiError as error:
        if error.code != 409:
            raise
        sys.stderr.write(f"==> kubectl apply --server-side wants --force-conflicts: {error.message}\n")
        return await api.dry_apply(names.MODEL, wanted, KUBECTL)


async def _existing(api: UserApi, model: PaddleModel, settings: Settings) -> Live:
    """The objects with the model's label, also those of KEDA and the Gateway API."""
    found = {}
    for kind in (*names.CHILD_KINDS, *names.optional_kinds(gateway_api=settings.gateway_api)):
        selector = f"{contract.MODEL_LABEL}={model.name}"
        for one in (await api.list_all(kind, selector, model.namespace)).items:
            found[ChildKey(kind, one["metadata"]["name"])] = one
    return found


async def _live(api: UserApi, model: PaddleModel, existing: Live) -> LiveObjects:
    """What decides whether pods are replaced for new content, as the operator looks at it."""
    deployment = existing.get(ChildKey(names.DEPLOYMENT, model.name))
    if model.spec.model.update_policy != "Auto":
        return LiveObjects(deployment=deployment)
    pods = await api.list_all(names.POD, f"{contract.MODEL_LABEL}={model.name}", model.namespace)
    job = existing.get(ChildKey(names.CRON_JOB, model.name))
    return LiveObjects(deployment=deployment, cron_job=job, pods=pods.items)


async def _rollout(
    api: UserApi,
    wanted: tuple[PaddleModel, Settings, Mapping[str, str]],
    existing: Live,
    live: Mapping[str, Any] | None,
) -> Rollout:
    """What the operator would do next: begin a canary, go on with one, keep the former version, or none."""
    model, _, _ = wanted
    before = known((live or {}).get("status"))
    if model.spec.rollout.strategy != "Canary" and not before.get("rollout"):
        return AT_ONCE
    pods = await api.list_all(names.POD, f"{contract.MODEL_LABEL}={model.name}", model.namespace)
    tracks = Tracks(
        stable=existing.get(ChildKey(names.DEPLOYMENT, model.name)),
        canary=existing.get(ChildKey(names.DEPLOYMENT, names.canary(model.name))),
        service=existing.get(ChildKey(names.SERVICE, names.canary(model.name))),
        pods=pods.items,
    )
    return planned(wanted, tracks, before, datetime.now(UTC))


async def _of_child(
    api: UserApi,
    model: PaddleModel,
    child: ChildKey,
    wanted: Mapping[str, Any],
    live: Mapping[str, Any] | None,
) -> str:
    live = live or await api.get(child.kind, model.namespace, child.name)
    if live is not None and not owned_by(live, model.uid):
        raise NameConflict(child.kind.kind, child.name)
    merged = await api.dry_apply(child.kind, wanted, names.FIELD_MANAGER)
    if live is not None and child.kind == names.DEPLOYMENT and "replicas" not in wanted["spec"]:
        merged["spec"]["replicas"] = live["spec"].get("replicas")  # The operator hands them over as they are.
    return difference(_named(child.kind, model.namespace, child.name), live, merged)


def _named(kind: names.Kind, namespace: str, name: str) -> str:
    """As kubectl diff calls its files."""
    return ".".join(part for part in (kind.group, kind.version, kind.kind, namespace, name) if part)
