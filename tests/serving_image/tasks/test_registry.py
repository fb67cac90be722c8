"""PADDLEMODEL_TASK: what is understood, by the types of the contract, and what each refusal says."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from paddlemodel_api import contract
from paddlemodel_server.errors import StartError
from paddlemodel_server.tasks import registry

AUTO = registry.Chosen(name="auto")


def test_a_task_is_read_with_its_defaults() -> None:
    chosen = registry.read('{"imageClassification":{"labels":["猫"],"topK":1}}')
    assert chosen.name == "imageClassification"
    assert vars(chosen.spec) == {
        "labels": ["猫"],
        "labels_file": None,
        "top_k": 1,
        "resize": "Crop",
        "resize_short": None,
        "interpolation": "Linear",
        "antialias": False,
        "channel_order": "RGB",
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
        "activation": "Auto",
        "threshold": None,
        "output": None,
        "width": None,
        "height": None,
    }
    assert chosen.origins == {"labels": "spec", "top_k": "spec"}
    assert registry.read('{ "tensors": {} }') == registry.Chosen(name="tensors")
    assert registry.read('{ "auto": {} }') == registry.read(contract.DEFAULT_TASK) == AUTO


def test_what_the_supervisor_has_read_reaches_the_http_workers(tmp_path: Path) -> None:
    """By a file: a hundred kilobytes of labels are too many for an argument."""
    labels = json.dumps(["犬" * 128] * 256)
    chosen = registry.read(f'{{"imageClassification":{{"labels":{labels}}}}}')
    chosen.save(tmp_path)
    assert registry.Chosen.load(tmp_path) == chosen


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x", "spec.task is not JSON: expected value at line 1 column 1"),
        ("[]", "spec.task is wrong: "),
        ("{}", "spec.task has exactly one member: keep one of auto, tensors, imageClassification"),
        (
            '{"tensors":{},"imageClassification":{}}',
            "spec.task has exactly one member: keep one of auto, tensors",
        ),
        ('{"sing":{}}', "spec.task.sing is not a field: remove it (kubectl explain pdm.spec.task lists"),
        ('{"type":"Tensors"}', "spec.task.type is not a field: name the task by its member, such as {image"),
        ('{"tensors":{"topK":1}}', "spec.task.tensors.topK is not a field: remove it"),
        ('{"imageClassification":null}', "spec.task has exactly one member"),
    ],
)
def test_a_refusal_names_the_variable_the_field_and_the_cure(text: str, message: str) -> None:
    with pytest.raises(StartError) as refusal:
        registry.read(text)
    assert refusal.value.message.startswith(f"PADDLEMODEL_TASK cannot be used: {message}")
    assert refusal.value.message.endswith(f"; it is JSON such as {contract.DEFAULT_TASK}.")
    assert refusal.value.reason == "InvalidSettings"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ('"topK":0', "topK is wrong: Input should be greater than or equal to 1"),
        ('"topK":1001', "topK is wrong: Input should be less than or equal to 1000"),
        ('"topK":true', "topK is wrong: Input should be a valid integer"),
        ('"topK":"5"', "topK is wrong: Input should be a valid integer"),
        ('"labels":[1]', "labels.0 is wrong: Input should be a valid string"),
        ('"labels":["a"],"labelsFile":"b"', "labels and labelsFile exclude each other: keep one"),
        ('"labelsFile":"../b"', "labelsFile must be a plain relative path inside the model folder"),
        ('"labelsFile":"/b"', "labelsFile must be a plain relative path inside the model folder"),
        ('"labelsFile":"a\\u0000"', "labelsFile must be a plain relative path inside the model folder"),
        ('"resize":"crop"', "resize is wrong: Input should be 'Crop', 'Stretch' or 'Pad'"),
        ('"mean":[0,0]', "mean is wrong: Tuple should have at least 3 items"),
        ('"mean":[0,0,NaN]', "mean.2 is wrong: Input should be a finite number"),
        ('"mean":[0,0,true]', "mean.2 is wrong: Input should be a valid number"),
        ('"std":[1,1,0]', "std.2 is wrong: Input should be greater than 0"),
        ('"width":9000', "width is wrong: Input should be less than or equal to 8192"),
        ('"output":""', "output is wrong: String should have at least 1 character"),
    ],
)
def test_a_wrong_field_is_named(fields: str, message: str) -> None:
    with pytest.raises(StartError) as refusal:
        registry.read('{"imageClassification":{' + fields + "}}")
    assert f"spec.task.imageClassification.{message}" in refusal.value.message


def test_nobody_imports_what_he_does_not_need() -> None:
    """pydantic costs a tenth of a second: neither servers of tensors nor workers pay it, nor for pictures."""
    program = """
import sys
import paddlemodel_server.supervisor.main, paddlemodel_server.worker.warmup_requests
from paddlemodel_server.tasks import registry
from paddlemodel_server.settings import Settings
from paddlemodel_server.model.signature import Model
from paddlemodel_server.tasks.auto.found import Beside
from pathlib import Path
place = Beside(folder=Path("/nowhere"), model=Model(format="PIR", inputs=(), outputs=()))
assert registry.settled(registry.read(Settings().task), place).name == "tensors"
heavy = ("cv2", "jinja2", "opentelemetry.sdk", "PIL", "pydantic", "simplejpeg", "yaml")
print([name for name in heavy if name in sys.modules])
registry.read('{"imageClassification":{}}')
print([name for name in ("cv2", "PIL", "pydantic") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]", "['pydantic']"]
