"""A table net's steps become HTML and cells; its tokens, its outputs, and the file beside it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paddlemodel_api.tasks import TableStructure as Spec
from paddlemodel_server.errors import NotFiniteError, StartError
from paddlemodel_server.model import files, signature
from paddlemodel_server.model.signature import Model, Tensor
from paddlemodel_server.protocol.served import Place
from paddlemodel_server.tasks import registry
from paddlemodel_server.tasks.auto.found import Beside
from paddlemodel_server.tasks.table_structure import structure
from paddlemodel_server.tasks.table_structure.task import TableStructure

from tests.serving_image.support.models.trained_tables import TOKENS, inference_yml, tables_model

SMALL = ("", "<tr>", "</tr>", "<td", ">", "</td>", ' colspan="2"', "<td></td>", "")
END = len(SMALL) - 1


def tensor(*shape: int, dtype: str = "float32", name: str = "x") -> Tensor:
    return Tensor(name=name, dtype=dtype, shape=shape)


TABLE, CORNERS, SCORES = (
    tensor(-1, 3, 488, 488),
    tensor(-1, -1, 8, name="loc"),
    tensor(-1, -1, 9, name="probs"),
)


def fitted(
    folder: Path, *outputs: Tensor, given: Tensor = TABLE, place: dict[str, Any] | None = None, **spec: Any
) -> TableStructure:
    model = Model(format="PIR", inputs=(given,), outputs=outputs or (CORNERS, SCORES))
    chosen = Spec(**({"tokens": SMALL[1:-1]} | spec))
    return TableStructure.fit(chosen, Place(model=model, folder=folder, **(place or {})))


def steps(*classes: int, score: float = 0.9) -> Any:
    scores = np.zeros((len(classes), len(SMALL)), np.float32)
    scores[np.arange(len(classes)), classes] = score
    return scores


def test_steps_end_where_the_net_says_so_and_cells_have_corners_in_their_order() -> None:
    corners = np.arange(8 * 9, dtype=np.float32).reshape(9, 8)
    found = structure.read(SMALL, steps(1, 3, 6, 4, 5, 7, 2, END, 7), corners)
    assert "".join(found.tokens) == '<tr><td colspan="2"></td><td></td></tr>'
    assert found.corners.tolist() == corners[[1, 5]].tolist()
    assert found.score == pytest.approx(0.9)


def test_the_first_step_never_ends_a_table_and_no_step_is_nothing() -> None:
    """As in the reference, whose loop looks for the end from the second step on."""
    corners = np.zeros((3, 8), np.float32)
    assert structure.read(SMALL, steps(END, 7, END), corners).tokens == ["<td></td>"]
    nothing = structure.read(SMALL, steps(0, END, 7), corners)
    assert (nothing.tokens, nothing.score, len(nothing.corners)) == ([], 0.0, 0)
    assert structure.read(SMALL, steps(7, 7, 7), corners).tokens == ["<td></td>"] * 3


@given(st.lists(st.integers(0, END), min_size=1, max_size=20))
def test_it_reads_as_the_reference_s_loop(classes: list[int]) -> None:
    """TableLabelDecode.decode of PaddleX 3.7, its loop word for word."""
    tokens, at = [], []
    for idx, char_idx in enumerate(classes):
        if idx > 0 and char_idx == END:
            break
        if char_idx in {0, END}:
            continue
        if SMALL[char_idx] in {"<td>", "<td", "<td></td>"}:
            at.append(idx)
        tokens.append(SMALL[char_idx])
    corners = np.random.default_rng(len(classes)).random((len(classes), 8), np.float32)
    found = structure.read(SMALL, steps(*classes), corners)
    assert (found.tokens, found.corners.tolist()) == (tokens, corners[at].tolist())


def test_what_is_no_number_is_told_only_where_it_would_be_answered() -> None:
    corners, scores = np.zeros((3, 8), np.float32), steps(1, 7, END)
    corners[0] = np.nan  # <tr> has no corners
    assert structure.read(SMALL, scores, corners).tokens == ["<tr>", "<td></td>"]
    corners[1, 3] = np.inf
    with pytest.raises(NotFiniteError):
        structure.read(SMALL, scores, corners)
    scores[0, 2] = np.nan
    with pytest.raises(NotFiniteError):
        structure.read(SMALL, scores, np.zeros((3, 8), np.float32))


def test_corners_stay_within_the_picture() -> None:
    corners = np.array([[-0.1, 0, 0.5, 0.25, 0.999, 2, 0, 0.1]], np.float32)
    assert structure.boxes(corners, (200, 100), (200, 50)) == [[[0, 0], [100, 25], [199, 50], [0, 10]]]


def test_cells_without_spans_are_one_token_unless_the_spec_says_else(tmp_path: Path) -> None:
    given = ["<tr>", "</tr>", "<td>", "<td", ">", "</td>", ' colspan="2"']
    assert fitted(tmp_path, tokens=given).tokens == SMALL
    apart = fitted(tmp_path, tokens=given, merge_cells=False)
    assert apart.tokens == ("", *given, "")
    (tmp_path / "dict.txt").write_text("\n".join(given))
    assert fitted(tmp_path, tokens=None, dictionary_file="dict.txt").tokens == SMALL


MISFITS: dict[str, tuple[dict[str, Any], str]] = {
    "no tokens": (
        {"tokens": None},
        "needs the tokens of the model's classes; name them in spec.task.tableStr",
    ),
    "too few tokens": ({"tokens": ["<tr>"]}, "has 2 tokens (tokens), for which the model needs 4 classes"),
    "one output": ({"outputs": [SCORES]}, "answers from corners FP32 [rows, steps, 8] and scores FP32"),
    "no corners": ({"outputs": [SCORES, SCORES]}, "four corners for a cell"),
    "another side": (
        {"side": 512},
        "has side 512, but the model's is 488; remove spec.task.tableStructure.side",
    ),
    "unequal sides": ({"given": tensor(-1, 3, 488, 320)}, "the model takes 488 x 320 pixels"),
    "a pair of rows": ({"outputs": [tensor(2, -1, 8), SCORES]}, "takes and gives 2"),
    "no dictionary": (
        {"tokens": None, "dictionary_file": "no.txt"},
        "one token per line, or use the field tok",
    ),
}


@pytest.mark.parametrize("name", MISFITS)
def test_a_model_that_does_not_fit_is_refused_with_the_cure(name: str, tmp_path: Path) -> None:
    given, said = MISFITS[name]
    changed = dict(given)
    outputs = changed.pop("outputs", [])
    with pytest.raises(StartError) as refusal:
        fitted(tmp_path, *outputs, **changed)
    assert said in refusal.value.message


def test_outputs_are_told_apart_by_their_shapes(tmp_path: Path) -> None:
    turned = fitted(tmp_path, SCORES, CORNERS)
    assert (turned.corners, turned.scores) == (1, 0)
    both = fitted(tmp_path, CORNERS, tensor(-1, -1, 8), tokens=SMALL[1:-2], merge_cells=False)
    assert (both.corners, both.scores) == (0, 1)


def settled(folder: Path, content: str, task: str = '{"auto":{}}') -> registry.Chosen:
    (folder / "inference.yml").write_text(content)
    model = signature.read(files.locate(tables_model()))
    return registry.settled(registry.read(task), Beside(folder=folder, model=model))


def test_an_export_configures_itself(tmp_path: Path) -> None:
    chosen = settled(tmp_path, inference_yml())
    assert (chosen.name, chosen.source, chosen.note) == ("tableStructure", "inference.yml", "")
    found = {name: getattr(chosen.spec, name) for name in chosen.origins}
    assert found == {
        "channel_order": "BGR",
        "merge_cells": True,
        "side": 488,
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
        "tokens": TOKENS,
    }
    model = signature.read(files.locate(tables_model()))
    task = registry.fit(chosen, Place(model=model, folder=tmp_path))
    assert isinstance(task, TableStructure)
    assert (len(task.tokens), task.tokens[-2], "<td>" in task.tokens) == (50, "<td></td>", False)
    assert settled(tmp_path, inference_yml("SLANet")).spec.boxes == "Picture"
    kept = settled(tmp_path, inference_yml("SLANet"), '{"tableStructure":{"boxes":"Padded"}}')
    assert (kept.spec.boxes, kept.origins["boxes"], kept.spec.side) == ("Padded", "spec", 488)


def test_what_cannot_be_served_is_named(tmp_path: Path) -> None:
    content = json.loads(inference_yml())
    steps: Any = content["PreProcess"]["transform_ops"]
    steps[5]["PaddingTableImage"] = {"size": [488, 448]}
    with pytest.raises(StartError, match=r"PaddingTableImage.size is not that of ResizeTableImage"):
        settled(tmp_path, json.dumps(content))
    steps[5] = {"RandomTurn": None}
    with pytest.raises(StartError, match="names the operation 'RandomTurn'"):
        settled(tmp_path, json.dumps(content))
