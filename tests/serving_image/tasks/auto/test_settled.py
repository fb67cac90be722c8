"""`task: auto`: what each kind of export beside a model makes of it, and that nothing is guessed."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from paddlemodel_server.errors import StartError
from paddlemodel_server.model.signature import Model, Tensor
from paddlemodel_server.protocol.served import Place
from paddlemodel_server.tasks import origins, registry
from paddlemodel_server.tasks.auto.found import MOST_BYTES, Beside

AUTO = registry.Chosen(name="auto")
IDS = Tensor(name="input_ids", dtype="int64", shape=(-1, -1))
SCORES = Tensor(name="scores", dtype="float32", shape=(-1, 3))
PER_TOKEN = Tensor(name="scores", dtype="float32", shape=(-1, -1, 3))
LABELS = {"id2label": {"0": "a", "1": "b", "2": "c"}}


def settled(folder: Path, inputs: Tensor = IDS, output: Tensor = SCORES) -> registry.Chosen:
    return registry.settled(
        AUTO, Beside(folder=folder, model=Model(format="PIR", inputs=(inputs,), outputs=(output,)))
    )


def write(folder: Path, **files: Any) -> None:
    for name, content in files.items():
        (folder / name.replace("_json", ".json").replace("_txt", ".txt")).write_text(json.dumps(content))


def test_a_folder_with_nothing_else_is_served_as_tensors(tmp_path: Path) -> None:
    assert settled(tmp_path) == registry.Chosen(name="tensors")


@pytest.mark.parametrize(
    ("files", "output", "task", "source"),
    [
        ({"modules_json": []}, PER_TOKEN, "textEmbedding", "modules.json"),
        (
            {"config_json": {"architectures": ["ErnieForSequenceClassification"]}},
            SCORES,
            "textClassification",
            "config.json",
        ),
        (
            {"config_json": {"architectures": ["BertForTokenClassification"]}},
            PER_TOKEN,
            "tokenClassification",
            "config.json",
        ),
        ({"config_json": LABELS}, SCORES, "textClassification", "config.json"),
        ({"config_json": LABELS}, PER_TOKEN, "tokenClassification", "config.json"),
        ({"config_json": {}}, SCORES, "tensors", ""),
        ({"config_json": {"architectures": ["BertModel"]}}, PER_TOKEN, "tensors", ""),
    ],
)
def test_a_tokenizer_with_its_configuration_tells_a_task_for_texts(
    files: dict[str, Any], output: Tensor, task: str, source: str, tmp_path: Path
) -> None:
    write(tmp_path, vocab_txt="[PAD]", **files)
    chosen = settled(tmp_path, output=output)
    assert (chosen.name, chosen.source) == (task, source)
    assert settled(tmp_path, Tensor(name="x", dtype="int64", shape=(-1, -1))).name == "tensors"
    (tmp_path / "vocab.txt").unlink()
    assert settled(tmp_path, output=output).name == "tensors"


def test_a_file_for_a_task_that_is_not_here_is_told_of(tmp_path: Path) -> None:
    tree = {"PreProcess": {"transform_ops": []}, "PostProcess": {"name": "VQAReTokenLayoutLMPostProcess"}}
    (tmp_path / "inference.yml").write_text(yaml.dump(tree))
    chosen = settled(tmp_path)
    assert chosen.name == "tensors"
    assert chosen.note.startswith("inference.yml beside the model is for a task that this server has not")


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("inference.yml", b"a: [", "it is not YAML: "),
        ("inference.yml", b"a: !!python/object:os.x {}", "the tag"),
        ("inference.yml", b"#" * (MOST_BYTES + 1), "more than 4194304"),
        ("config.json", b"{", "it is not JSON: "),
    ],
)
def test_a_damaged_file_is_a_start_error_with_the_cure(
    name: str, content: bytes, why: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(StartError) as refusal:
        settled(tmp_path)
    assert refusal.value.reason == "ConfigurationUnreadable"
    assert refusal.value.message.startswith(f"{name} beside the model cannot be used: ")
    assert why in refusal.value.message
    named = registry.read('{"imageClassification":{"topK":2}}')
    model = Model(format="PIR", inputs=(IDS,), outputs=(SCORES,))
    assert registry.settled(named, Beside(folder=tmp_path, model=model)).spec.top_k == 2


def test_a_misfit_says_that_nobody_named_the_task(tmp_path: Path) -> None:
    write(tmp_path, vocab_txt="[PAD]", config_json=LABELS)
    model = Model(format="PIR", inputs=(IDS,), outputs=(PER_TOKEN,))
    chosen = registry.Chosen(name="textClassification", source="config.json", fields=_plain())
    with pytest.raises(StartError, match=r"names no task; config\.json beside the model tells this one"):
        registry.fit(chosen, Place(model=model, folder=tmp_path))


def _plain() -> str:
    return registry.read('{"textClassification":{}}').fields


def test_every_field_is_shown_with_its_origin() -> None:
    chosen = registry.read(json.dumps({"imageClassification": {"labels": ["x" * 50] * 4, "topK": 1}}))
    shown = {name: (value, origin) for name, value, origin in origins.settings(chosen)}
    assert shown["topK"] == ("1", "spec")
    assert shown["labels"][0].endswith(" … 4 in all")
    assert shown["resize"] == ('"Crop"', "default")
    assert "labelsFile" not in shown
