"""What `paddlemodel` makes of a file: the models in it, or one sentence with the cure."""

import io
import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from paddlemodel_operator.commands import manifest
from paddlemodel_operator.commands.faults import InputError

GOOD = """
apiVersion: paddlemodel.dev/v1alpha1
kind: PaddleModel
metadata: {name: a}
spec: {model: {uri: "https://m.example.com/a.tar"}}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "model.yaml"


def test_models_are_found_among_other_objects(file: Path) -> None:
    other = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n"
    second = GOOD.replace("name: a", "name: b, namespace: ml")
    file.write_text(f"{GOOD}---\n{other}---\n---\n{second}")
    found = manifest.bodies(str(file), "here")
    assert [(one["metadata"]["namespace"], one["metadata"]["name"]) for one in found] == [
        ("here", "a"),
        ("ml", "b"),
    ]
    assert manifest.chosen(str(file), found, "b") is found[1]
    assert manifest.parsed(str(file), found[0]).spec.model.uri == "https://m.example.com/a.tar"


def test_a_list_as_kubectl_prints_it_is_read_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    model = {
        "apiVersion": "paddlemodel.dev/v1alpha1",
        "kind": "PaddleModel",
        "metadata": {"name": "a", "uid": "1-2", "namespace": "ml"},
        "spec": {"model": {"uri": "https://m.example.com/a.tar"}},
    }
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": [model]}).encode()
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(text)))
    assert manifest.bodies("-") == [model]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: [", "line 2 is no YAML: "),
        ("a: &x [*x", "line 2 is no YAML: "),
        ("[" * 5000, "is no YAML: "),
        ("", "has no object of kind PaddleModel; name the file of one."),
        ("kind: Service", "has no object of kind PaddleModel; name the file of one."),
        (
            GOOD.replace("v1alpha1", "v2"),
            "apiVersion is 'paddlemodel.dev/v2'; a PaddleModel has paddlemodel.dev/v1alpha1.",
        ),
        (GOOD.replace("{name: a}", "{}"), "a PaddleModel has no metadata.name; give it one."),
        (GOOD.replace("{name: a}", "none"), "a PaddleModel has no metadata.name; give it one."),
        (GOOD.replace("spec: {", "spec: 1 #"), "there is no spec; it needs spec.model.uri at least."),
        ("x: \x00", "is no YAML: "),
        ("date: 2026-99-99", "is no YAML: "),
    ],
)
def test_a_file_that_is_wrong_is_one_sentence(file: Path, text: str, sentence: str) -> None:
    file.write_text(text)
    with pytest.raises(InputError) as caught:
        manifest.bodies(str(file))
    assert sentence in str(caught.value)
    assert str(caught.value).startswith(str(file))


def test_a_file_that_is_no_text_or_too_large_is_refused(file: Path) -> None:
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="is not text in UTF-8"):
        manifest.bodies(str(file))
    file.write_bytes(b"#" * (manifest.BYTES_MAX + 1))
    with pytest.raises(InputError, match="is larger than 3145728 bytes"):
        manifest.bodies(str(file))


def test_which_model_is_meant_must_be_clear(file: Path) -> None:
    file.write_text(f"{GOOD}---\n{GOOD.replace('name: a', 'name: b')}")
    found = manifest.bodies(str(file))
    for name in (None, "c"):
        with pytest.raises(InputError, match="has the models a, b: choose one of them with --name"):
            manifest.chosen(str(file), found, name)


def test_a_spec_that_the_operator_would_refuse_is_refused_in_its_words(file: Path) -> None:
    file.write_text(GOOD.replace('model: {uri: "https://m.example.com/a.tar"}', 'model: {url: "x"}'))
    with pytest.raises(InputError, match=r"model.yaml, a: spec.model.*uri"):
        manifest.parsed(str(file), manifest.bodies(str(file))[0])
