"""Which folders are models, and what is said about the others."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paddlemodel_server.errors import StartError
from paddlemodel_server.host import termination
from paddlemodel_server.model import files

from tests import models
from tests.bare_predictor import predict, textline_tensor
from tests.serving_image.support.models.model_builders import (
    LEGACY,
    LEGACY_MODEL,
    PARAMS,
    PIR,
    PIR_MODEL,
    folder_of,
)

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"


def test_a_pir_model_is_a_json_program_with_its_parameters(tmp_path: Path) -> None:
    model = files.locate(folder_of(tmp_path, PIR_MODEL))
    assert (model.format, model.program.name, model.params.name) == (
        "PIR",
        "inference.json",
        "inference.pdiparams",
    )


def test_a_legacy_model_is_a_pdmodel_program_with_its_parameters(tmp_path: Path) -> None:
    model = files.locate(folder_of(tmp_path, LEGACY_MODEL))
    assert (model.format, model.program.name) == ("Legacy", "inference.pdmodel")


def test_two_programs_over_the_same_parameters_are_one_model_and_pir_wins(tmp_path: Path) -> None:
    assert files.locate(folder_of(tmp_path, LEGACY_MODEL | PIR_MODEL)).format == "PIR"


def test_other_json_files_and_hidden_files_are_no_programs(tmp_path: Path) -> None:
    extra = {
        "config.json": b"{}",
        "labels.json": b'["a"]',
        "._inference.pdmodel": b"mac",
        "labels.txt": b"a\nb",
    }
    assert files.locate(folder_of(tmp_path, PIR_MODEL | extra)).program.name == "inference.json"


FAULTS = {
    "no folder": (None, "NoModel"),
    "nothing": ({}, "NoModel"),
    "something else": ({"model.onnx": b"x", "config.json": b"{}"}, "NoModel"),
    "a model of Paddle 1": ({"__model__": b"x", "__params__": b"x"}, "OldModelFormat"),
    "two models": (PIR_MODEL | {"b.pdmodel": LEGACY, "b.pdiparams": PARAMS}, "SeveralModels"),
    "a pir program alone": ({"inference.json": PIR}, "ParamsMissing"),
    "a legacy program alone": ({"inference.pdmodel": LEGACY}, "ParamsMissing"),
    "a program with the parameters of another": ({"a.json": PIR, "b.pdiparams": PARAMS}, "ParamsMissing"),
    "parameters alone": ({"inference.pdiparams": PARAMS}, "ProgramMissing"),
    "an empty program": (PIR_MODEL | {"inference.json": b""}, "EmptyFile"),
    "empty parameters": (PIR_MODEL | {"inference.pdiparams": b""}, "EmptyFile"),
    "a json that is no program": (PIR_MODEL | {"inference.json": b'{"a": 1}'}, "NotAProgram"),
    "a pdmodel that is no program": (LEGACY_MODEL | {"inference.pdmodel": b"\x80\x02pickle"}, "NotAProgram"),
    "half a pir program": (PIR_MODEL | {"inference.json": PIR[:-1]}, "TruncatedFile"),
    "half a legacy program": (LEGACY_MODEL | {"inference.pdmodel": LEGACY[:-1]}, "TruncatedFile"),
    "a program of a newer Paddle": (
        PIR_MODEL | {"inference.json": PIR.replace(b":4}", b":5}")},
        "NewerPaddle",
    ),
    "git's stand-in for the program": (LEGACY_MODEL | {"inference.pdmodel": LFS}, "GitLfsPointer"),
    "git's stand-in for the parameters": (PIR_MODEL | {"inference.pdiparams": LFS}, "GitLfsPointer"),
}


@pytest.mark.parametrize(("content", "reason"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_named_with_its_cure(
    tmp_path: Path, content: dict[str, bytes] | None, reason: str
) -> None:
    folder = tmp_path / "model"
    if content is not None:
        folder_of(folder, content)
    with pytest.raises(StartError) as caught:
        files.locate(folder)
    assert caught.value.reason == reason
    assert caught.value.message.endswith(".")
    assert (
        ";" in caught.value.message or "belong" in caught.value.message or "give each" in caught.value.message
    )


@given(
    name=st.text(
        st.characters(exclude_characters="/\x00", exclude_categories=["Cs"]), min_size=1, max_size=60
    )
)
@settings(max_examples=60)
def test_messages_never_hold_control_characters(name: str) -> None:
    assert files.printable(name).isprintable()


@pytest.mark.parametrize("place", [".", "top", "a/b/c", "Modell Ü/1"])
def test_the_one_model_is_found_anywhere_in_a_tree(tmp_path: Path, place: str) -> None:
    folder_of(tmp_path / place, LEGACY_MODEL)
    folder_of(tmp_path / "__MACOSX" / place, {"._inference.pdmodel": b"mac", "x.pdmodel": b"mac"})
    folder_of(tmp_path / "notes", {"readme.json": b"{}"})
    assert files.find(tmp_path)[0] == tmp_path / place


def test_two_models_in_a_tree_are_refused_by_name(tmp_path: Path) -> None:
    folder_of(tmp_path / "det", LEGACY_MODEL)
    folder_of(tmp_path / "rec", PIR_MODEL)
    with pytest.raises(StartError, match="det, rec") as caught:
        files.find(tmp_path)
    assert caught.value.reason == "SeveralModels"


BESIDE = {
    "a .json that describes a legacy model": (LEGACY_MODEL, {"inference.json": b'{"top_k": 5}'}),
    "half another model": (LEGACY_MODEL, {"draft.pdmodel": b"x"}),
    "half another model in a folder": (PIR_MODEL, {"old/draft.pdmodel": b"x"}),
    "parameters of training": (PIR_MODEL, {"draft.pdparams": b"x", "draft.pdopt": b"x", "x.pdiparams": b"x"}),
    "other frameworks": (PIR_MODEL, {"model.onnx": b"x", "config.json": b"{}", "tokenizer.json": b"[1]"}),
    "names of models that are folders": (PIR_MODEL, {"x.json/readme": b"x", "y.pdmodel/readme": b"x"}),
}


@pytest.mark.parametrize(("model", "beside"), BESIDE.values(), ids=BESIDE)
def test_whatever_lies_beside_a_model_does_not_hide_it(
    tmp_path: Path, model: dict[str, bytes], beside: dict[str, bytes]
) -> None:
    folder_of(tmp_path, model | beside)
    folder, found = files.find(tmp_path)
    assert (folder, found.params.name) == (tmp_path, "inference.pdiparams")
    assert found.program.read_bytes() in model.values()


def test_parameters_without_a_program_are_named_though_they_lie_deep(tmp_path: Path) -> None:
    folder_of(tmp_path / "a" / "b", {"inference.pdiparams": PARAMS})
    with pytest.raises(StartError, match=r"inference\.pdiparams has no program"):
        files.find(tmp_path)


def test_the_digest_of_a_file_is_what_sha256sum_prints(tmp_path: Path) -> None:
    file = tmp_path / "model.tar"
    file.write_bytes(b"abc")
    printed = subprocess.run(["sha256sum", file], capture_output=True, text=True, check=True).stdout
    assert files.digest(file) == f"sha256:{printed.split()[0]}"


NAMES = [
    "b",
    "a/b",
    "a.b",
    "a/ä b.json",
    "A",
    "a-b/c",
    "back\\slash",
    "a\rb",
    "語/モデル.pdmodel",
    "'quoted\"",
]


def test_the_digest_of_a_folder_is_what_the_documented_command_prints(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "model", {name: name.encode() for name in NAMES})
    (folder / "link").symlink_to("b")
    (folder / "linked").symlink_to("a")
    (folder / "dangling").symlink_to("nowhere")
    command = r"find -L . -type f -printf '%P\n' | LC_ALL=C sort | xargs -d '\n' sha256sum | sha256sum"
    printed = subprocess.run(
        command, shell=True, cwd=folder, capture_output=True, text=True, check=True
    ).stdout
    assert files.digest(folder) == f"sha256:{printed.split()[0]}"


@pytest.mark.parametrize("goal", ["../secret", "..", "."], ids=["out of it", "around it", "itself"])
def test_links_that_leave_the_folder_or_go_round_are_refused(tmp_path: Path, goal: str) -> None:
    (tmp_path / "secret").write_text("s")
    folder = folder_of(tmp_path / "model", PIR_MODEL)
    (folder / "link").symlink_to(goal)
    with pytest.raises(StartError, match="link is a link") as caught:
        files.digest(folder)
    assert caught.value.reason == "UnsafeLink"


def test_a_folder_that_cannot_be_read_is_named_with_the_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = folder_of(tmp_path / "model", PIR_MODEL)

    def refused(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", refused)  # root, who runs these tests in CI, may read everything
    with pytest.raises(
        StartError, match=r"model is not accessible to the user \d+; change its mode\."
    ) as caught:
        files.locate(folder)
    assert caught.value.reason == "NotPermitted"


@pytest.mark.parametrize(
    ("name", "model_format"),
    [("textline-orientation", "Legacy"), ("character-rec", "PIR"), ("table-structure", "Legacy")],
)
def test_trained_models_are_recognised(name: models.ModelName, model_format: str) -> None:
    assert files.locate(models.trained_model(name)).format == model_format


def test_the_trained_model_judges_our_pictures_rightly() -> None:
    pictures = [
        models.text_line(upside_down=False, picture_format="PNG"),
        models.text_line(upside_down=True, picture_format="PNG"),
        models.text_line(upside_down=False, picture_format="JPEG"),
        models.text_line(upside_down=True, picture_format="JPEG"),
    ]
    batch = np.concatenate([textline_tensor(picture) for picture in pictures])
    (scores,) = predict(models.trained_model("textline-orientation"), {"x": batch}).values()
    assert scores.shape == (4, 2)
    assert np.argmax(scores, axis=1).tolist() == [0, 1, 0, 1]
    assert np.max(scores, axis=1).min() > 0.999


def test_the_demo_archive_is_laid_out_as_the_public_one_and_never_changes(tmp_path: Path) -> None:
    archive = models.archive_of("textline-orientation", tmp_path)
    assert archive.name == "ch_ppocr_mobile_v2.0_cls_infer.tar"
    listed = subprocess.run(["tar", "tf", archive], capture_output=True, text=True, check=True).stdout.split()
    top = "ch_ppocr_mobile_v2.0_cls_infer/"
    assert listed == [top] + [f"{top}inference.{end}" for end in ("pdiparams", "pdiparams.info", "pdmodel")]
    digest = files.digest(archive)
    assert files.digest(models.archive_of("textline-orientation", tmp_path)) == digest


def test_the_termination_message_is_valid_json_within_the_limit_of_kubernetes(tmp_path: Path) -> None:
    log = tmp_path / "termination-log"
    log.touch()
    termination.write("NoModel", "ä" * 5000, log)
    assert len(log.read_bytes()) <= 4096
    assert json.loads(log.read_text())["reason"] == "NoModel"
    termination.write_success(digest="sha256:00", model_format="PIR", size=7, path=log)
    assert json.loads(log.read_text()) == {"digest": "sha256:00", "format": "PIR", "bytes": 7}


def test_a_missing_or_unwritable_termination_log_is_no_failure(tmp_path: Path) -> None:
    termination.write("NoModel", "x", tmp_path / "absent")
    assert not (tmp_path / "absent").exists()
    termination.write("NoModel", "x", tmp_path)
    termination.write("NoModel", "x", Path("/proc/self/status"))
