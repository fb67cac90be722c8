"""The user's YAML becomes types, or one sentence that names the field and the cure."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paddlemodel_api import contract
from paddlemodel_api.spec import TASK_BYTES_MAX
from paddlemodel_operator.base import names
from paddlemodel_operator.base.errors import SpecError
from paddlemodel_operator.base.model import from_body
from paddlemodel_operator.render import render

from tests.operator.support.builders import SETTINGS, URI, body, model, rendered
from tests.operator.support.specs import ACCEPTED, RULES, TYPES, UNKNOWN, Refused


def parse(case: Refused) -> None:
    from_body({**body(name=case.name), "spec": case.spec})


@pytest.mark.parametrize("case", [*RULES, *TYPES, *UNKNOWN], ids=lambda case: case.fault)
def test_a_broken_rule_names_field_and_cure(case: Refused) -> None:
    with pytest.raises(SpecError) as refusal:
        parse(case)
    assert case.message in str(refusal.value)


@pytest.mark.parametrize("manifest", ACCEPTED.values(), ids=ACCEPTED)
def test_a_good_spec_is_understood_and_rendered(manifest: Any) -> None:
    allowed = SETTINGS.model_copy(update={"gateway_api": True})
    assert render(from_body({**body(), "spec": manifest}), allowed)


def test_defaults_are_applied_by_the_types() -> None:
    manifest = from_body({**body(), "spec": {"model": {"uri": URI}}})
    assert (manifest.spec.device, manifest.fixed_replicas, manifest.spec.service.port) == ("GPU", 1, 80)
    assert manifest.gpu is not None
    assert (manifest.gpu.count, manifest.gpu.resource_name) == (1, "nvidia.com/gpu")
    assert manifest.task_json == contract.DEFAULT_TASK


def test_who_writes_a_type_is_told_of_members() -> None:
    with pytest.raises(SpecError) as refusal:
        model(task={"type": "ImageClassification", "topK": 1})
    assert str(refusal.value) == (
        "spec.task.type is not a field: name the task by its member, such as {imageClassification: {}} "
        "(one of auto, tensors, imageClassification, objectDetection, semanticSegmentation, textEmbedding, "
        "textClassification, tokenClassification, audioClassification, speechRecognition, custom, "
        "textDetection, textRecognition, textLineOrientation, tableStructure, ocr)"
    )


def test_null_is_as_good_as_nothing() -> None:
    assert model(replicas=None, autoscaling=None, gpu=None) == model()


def test_a_task_too_large_for_one_variable_points_to_the_file() -> None:
    """Within the schema's limits, but over 128 KiB as UTF-8: Linux would refuse to start the server."""
    labels = ["犬" * 128] * 1000
    with pytest.raises(
        SpecError, match=rf"larger than {TASK_BYTES_MAX} bytes.*spec\.task\.imageClassification\.labelsFile"
    ):
        model(task={"imageClassification": {"labels": labels}})


def test_the_message_of_a_nested_fault_leads_to_its_place() -> None:
    with pytest.raises(
        SpecError, match=r"^spec\.server\.batching\.maxBatchSize is wrong: .*greater than or equal to 1"
    ):
        model(server={"batching": {"maxBatchSize": 0}})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=8,
)
HOSTILE = [
    "$(HOME)",
    "../..",
    "a\nb",
    "\x00",
    "{{x}}",
    "'; rm -rf /",
    "|",
    "&x",
    "!!python/object:os.system",
    "\u202e",
    "😀" * 999,
]
hostile = st.sampled_from(HOSTILE) | st.text()
PLACES = [
    ("model", "uri"),
    ("model", "digest"),
    ("task", "imageClassification", "labelsFile"),
    ("gpu", "resourceName"),
    ("ingress", "host"),
    ("ingress", "path"),
    ("ingress", "className"),
    ("pod", "priorityClassName"),
    ("service", "type"),
    ("device",),
]
places = st.sampled_from(PLACES)


@given(place=places, text=hostile)
@settings(max_examples=300)
def test_no_text_in_any_field_gets_past_as_something_else(place: tuple[str, ...], text: str) -> None:
    """It is refused with a SpecError, or it is kept as it is and rendered."""
    manifest: dict[str, Any] = {
        "model": {"uri": URI},
        "device": "GPU",
        "task": {"imageClassification": {}},
    }
    block = manifest
    for name in place[:-1]:
        block = block.setdefault(name, {})
    block[place[-1]] = text
    if place[0] == "ingress":
        block.setdefault("host", "a.example.com")
    try:
        understood = from_body({**body(), "spec": manifest})
    except SpecError:
        return
    shown = json.loads(understood.spec.model_dump_json(by_alias=True))
    for name in place:
        shown = shown[name]
    assert text == shown
    assert render(understood, SETTINGS)


@given(
    manifest=st.dictionaries(
        st.sampled_from(["model", "task", "server", "pod", "replicas", "x"]), json_values
    )
)
@settings(max_examples=300)
def test_no_shape_of_spec_raises_anything_else(manifest: dict[str, Any]) -> None:
    with pytest.raises(SpecError):
        from_body({**body(), "spec": manifest, "status": {}})


@given(labels=st.lists(st.text(max_size=20), max_size=5))
@settings(max_examples=200)
def test_labels_reach_the_server_unchanged(labels: list[str]) -> None:
    """After the kubelet has replaced what it replaces: $$ by $, and nothing else."""
    task = {"imageClassification": {"labels": labels}}
    deployment = rendered(names.DEPLOYMENT, task=task)
    env = {
        one["name"]: one["value"] for one in deployment["spec"]["template"]["spec"]["containers"][0]["env"]
    }
    assert json.loads(env["PADDLEMODEL_TASK"].replace("$$", "$")) == task


@pytest.mark.parametrize(("said", "paused"), [(None, False), ("false", False), ("true", True)])
def test_the_annotation_pauses(said: str | None, paused: bool) -> None:
    manifest = body()
    manifest["metadata"]["annotations"] = {} if said is None else {contract.PAUSED_ANNOTATION: said}
    assert from_body(manifest).paused is paused


@pytest.mark.parametrize("said", ["", "yes", "True", "1"])
def test_another_value_of_it_is_refused(said: str) -> None:
    """Whether the model is paused would be a guess: nothing is changed until it is clear."""
    manifest = body()
    manifest["metadata"]["annotations"] = {contract.PAUSED_ANNOTATION: said}
    with pytest.raises(SpecError, match=r"paddlemodel\.dev/paused is .*: set it to true, or remove it"):
        from_body(manifest)
