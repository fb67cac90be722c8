"""What the pods have fetched of each model, and whether they agree: the condition ModelFetched; pure."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from paddlemodel_api import contract
from paddlemodel_api.status import FurtherModel, ServedModel

from paddlemodel_operator.base import names
from paddlemodel_operator.base.model import FetchedModel, PaddleModel
from paddlemodel_operator.observe.children import Observed
from paddlemodel_operator.observe.conditions import Condition
from paddlemodel_operator.status.readiness_checks import model_cannot_be_fetched
from paddlemodel_operator.status.reports import words_of
from paddlemodel_operator.status.updates import revision_of

Served = Mapping[str, ServedModel]
"""What is known of each model, by its name; without those of which nothing is."""


def served(model: PaddleModel, observed: Observed, before: Mapping[str, Any]) -> Served:
    """What the youngest pod fetched; without pods, what the last one fetched from the same places.

    Args:
        model: the spec.
        observed: what there is.
        before: the status as it is now.
    """
    known = {one.get("name"): one for one in before.get("furtherModels", ())}
    known[names.MAIN] = before.get("model", {})
    found = {
        one.name: _reported(one, observed) or _kept(model, one, before, known.get(one.name, {}))
        for one in model.fetched
    }
    return {name: content for name, content in found.items() if content is not None}


def further(known: Served) -> tuple[FurtherModel, ...] | None:
    """The status of the models beside the main one; None where there are none."""
    found = (
        FurtherModel(name=name, **content.model_dump())
        for name, content in known.items()
        if name != names.MAIN
    )
    return tuple(found) or None


def fetched(model: PaddleModel, observed: Observed, known: Served) -> Condition:
    """The condition ModelFetched."""
    if all(one.name in known for one in model.fetched):
        return _complete(model, observed, known)
    for pod in observed.pods:
        if fault := model_cannot_be_fetched(model, pod):
            return Condition("False", fault.reason, fault.message)
    return Condition("Unknown", "Pending", "No pod has fetched the model yet.")


def _complete(model: PaddleModel, observed: Observed, known: Served) -> Condition:
    digests = {
        one.name: f"{known[one.name].uri} has digest {known[one.name].digest}" for one in model.fetched
    }
    for one in model.fetched:
        if differing := _differing(model, one, observed):
            return Condition("True", "PodsDiffer", differing)
    for one in model.fetched:
        if one.cache and (reason := _cache_fault(one.name, observed)):
            why = f"but the claim {one.cache.claim_name} does not keep it: {contract.CACHE_FAULTS[reason]}."
            return Condition("True", reason, f"{digests[one.name]}, {why}")
    return Condition("True", "Fetched", " ".join(f"{text}." for text in digests.values()))


def _differing(model: PaddleModel, wanted: FetchedModel, observed: Observed) -> str:
    """That pods of one version have fetched different content, in a sentence; empty where they agree."""
    words = (words_of(pod, wanted.name) for pod in observed.pods)
    counts = Counter(found["digest"][:128] for found in words if found)
    if len(counts) < 2:
        return ""
    parts = ", ".join(f"{count} {digest}" for digest, count in sorted(counts.items()))
    return (
        f"The content of {wanted.place} has changed between the starts of the pods, and they serve "
        f"different digests ({parts}): set {wanted.field}.digest to the one that is meant, or run kubectl "
        f"rollout restart deployment/{model.name} --namespace {model.namespace}."
    )


def _cache_fault(name: str, observed: Observed) -> str | None:
    """Why the youngest pod's fetcher could not keep a model on the claim."""
    words = (words_of(pod, name) for pod in reversed(observed.pods))
    found = next(filter(None, words), {}).get("cacheFault")
    return found if isinstance(found, str) and found in contract.CACHE_FAULTS else None


def _reported(wanted: FetchedModel, observed: Observed) -> ServedModel | None:
    for pod in reversed(observed.pods):
        if words := words_of(pod, wanted.name):
            form = words.get("format")
            return ServedModel(
                uri=wanted.place,
                digest=words["digest"][:128],
                revision=revision_of(words) or None,
                format=form[:32] if isinstance(form, str) else None,
            )
    return None


def _kept(
    model: PaddleModel, wanted: FetchedModel, before: Mapping[str, Any], known: Mapping[str, Any]
) -> ServedModel | None:
    """What the status knows; a place whose query is not shown is the same only as long as the spec is."""
    place, pinned = wanted.place, wanted.source.digest
    same = place == wanted.source.uri or before.get("observedGeneration") == model.generation
    if same and known.get("uri") == place and (pinned is None or pinned == known.get("digest")):
        return ServedModel.model_validate({key: value for key, value in known.items() if key != "name"})
    return None
