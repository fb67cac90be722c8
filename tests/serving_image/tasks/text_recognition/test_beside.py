"""inference.yml of PP-OCR's models becomes the tasks for text in pictures."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from paddlemodel_server.errors import StartError
from paddlemodel_server.model import files, signature
from paddlemodel_server.model.signature import Model
from paddlemodel_server.protocol.served import Place
from paddlemodel_server.tasks import registry
from paddlemodel_server.tasks.auto.found import Beside
from paddlemodel_server.tasks.text_recognition.task import TextRecognition

from tests.models import ModelName, trained_model

NOTHING = Model(format="PIR", inputs=(), outputs=())


def settled(folder: Path, model: Model = NOTHING, task: str = '{"auto":{}}') -> registry.Chosen:
    return registry.settled(registry.read(task), Beside(folder=folder, model=model))


def of_trained(name: ModelName) -> tuple[registry.Chosen, Model]:
    model = signature.read(files.locate(trained_model(name)))
    return settled(trained_model(name), model), model


def test_a_recogniser_configures_itself() -> None:
    """With its 18,383 characters, of which some are several code points, and one a wide space."""
    chosen, model = of_trained("character-rec")
    assert (chosen.name, chosen.source, chosen.note) == ("textRecognition", "inference.yml", "")
    task = registry.fit(chosen, Place(model=model, folder=trained_model("character-rec")))
    assert isinstance(task, TextRecognition)
    assert len(task.characters) == 18385
    assert (task.characters[0], task.characters[1], task.characters[-1]) == ("", "\u3000", " ")
    assert {"0", "9", "~", "=", "null"[:1]} <= set(task.characters)
    assert (chosen.spec.height, chosen.spec.min_width, chosen.spec.channel_order) == (48, 320, "BGR")


def test_a_detector_configures_itself() -> None:
    chosen, model = of_trained("character-det")
    assert (chosen.name, chosen.source, chosen.note) == ("textDetection", "inference.yml", "")
    found = {name: getattr(chosen.spec, name) for name in chosen.origins}
    assert found == {
        "channel_order": "BGR",
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
        "threshold": 0.3,
        "box_threshold": 0.6,
        "max_lines": 1000,
        "unclip_ratio": 1.5,
    }
    assert registry.fit(chosen, Place(model=model, folder=trained_model("character-det"))).name == chosen.name


def test_fields_of_the_spec_win(tmp_path: Path) -> None:
    """A file of characters puts aside those of inference.yml."""
    (tmp_path / "inference.yml").write_text(
        (trained_model("character-rec") / "inference.yml").read_text("utf-8")
    )
    named = '{"textRecognition":{"dictionaryFile":"digits.txt","minWidth":100}}'
    chosen = settled(tmp_path, task=named)
    assert (chosen.spec.characters, chosen.spec.min_width, chosen.spec.height) == (None, 100, 48)


def written(folder: Path, post: dict[str, Any], *operations: Any) -> Path:
    tree = {"PreProcess": {"transform_ops": list(operations)}, "PostProcess": post}
    (folder / "inference.yml").write_text(yaml.dump(tree, allow_unicode=True), encoding="utf-8")
    return folder


READER, FINDER = {"name": "CTCLabelDecode", "character_dict": ["a", 7]}, {"name": "DBPostProcess"}


@pytest.mark.parametrize(
    ("post", "operation", "place"),
    [
        (READER, {"RandomTurn": None}, "transform_ops.0 names the operation 'RandomTurn'"),
        (READER, {"RecResizeImg": {"image_shape": [48, 320]}}, "has not three numbers"),
        (READER, {"DecodeImage": {"img_mode": "GRAY"}}, "img_mode is 'GRAY'"),
        (READER, {"DecodeImage": {"channel_first": True}}, "channel_first asks for channels"),
        (READER | {"character_dict": ["a", ""]}, {"KeepKeys": None}, "character_dict.1 is no character"),
        (
            READER | {"character_dict": ["a", ["b"]]},
            {"KeepKeys": None},
            "character_dict.1 is \"['b']\" and no",
        ),
        (READER | {"use_space_char": False}, {"KeepKeys": None}, "use_space_char is no parameter"),
        (FINDER, {"RandomTurn": None}, "transform_ops.0 names the operation 'RandomTurn'"),
        (FINDER | {"box_type": "poly"}, {"KeepKeys": None}, "PostProcess.box_type is 'poly'"),
        (FINDER | {"score_mode": "slow"}, {"KeepKeys": None}, "PostProcess.score_mode is 'slow'"),
        (FINDER | {"thresh": "high"}, {"KeepKeys": None}, "PostProcess.thresh is 'high' and no number"),
        (FINDER, {"NormalizeImage": {"mean": 0, "std": 0}}, "that is not above zero"),
        (FINDER, {"NormalizeImage": {"mean": 0, "std": 1, "order": "whc"}}, "order is 'whc'"),
    ],
)
def test_what_is_not_understood_is_named(
    tmp_path: Path, post: dict[str, Any], operation: Any, place: str
) -> None:
    with pytest.raises(StartError) as refusal:
        settled(written(tmp_path, post, operation))
    assert refusal.value.reason == "ConfigurationNotUnderstood"
    assert place in refusal.value.message


def test_a_scale_of_its_own_is_taken_into_mean_and_std(tmp_path: Path) -> None:
    """Of values up to 255 in the file, of values up to one in the spec."""
    operation = {"NormalizeImage": {"scale": 1, "mean": [51, 102, 255], "std": "51/1"}}
    chosen = settled(written(tmp_path, FINDER | {"use_dilation": True}, operation))
    assert chosen.spec.mean == pytest.approx([0.2, 0.4, 1])
    assert chosen.spec.std == pytest.approx([0.2, 0.2, 0.2])
    assert chosen.spec.dilation
    assert settled(written(tmp_path, READER, {"KeepKeys": None})).spec.characters == ["a", "7"]


def test_characters_without_quotes_are_as_they_are_written(tmp_path: Path) -> None:
    """A person who writes the list puts no quotes round y, n, ~, 007 and 1.0."""
    text = "PostProcess:\n  name: CTCLabelDecode\n  character_dict: [y, No, ~, 007, 1.0, 1:30, null, 2]\n"
    text += "PreProcess: {transform_ops: [{DecodeImage: {img_mode: BGR}}]}\n"
    (tmp_path / "inference.yml").write_text(text)
    assert settled(tmp_path).spec.characters == ["y", "No", "~", "007", "1.0", "1:30", "null", "2"]
