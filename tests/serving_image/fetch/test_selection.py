"""Of what lies in a store only the model comes, and no name of a listing can do harm."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paddlemodel_server.errors import StartError
from paddlemodel_server.fetch import selection
from paddlemodel_server.fetch.sources.source import File, Listing

MODEL = ["inference.json", "inference.pdiparams"]


def chosen(*paths: str) -> list[str]:
    listing = Listing(files=[File(path=path) for path in paths])
    return [file.path for file in selection.chosen(listing).listing.files]


def refused(*paths: str) -> StartError:
    with pytest.raises(StartError) as caught:
        chosen(*paths)
    return caught.value


@pytest.mark.parametrize(
    "name",
    [
        *(
            "inference.yml",
            "config.json",
            "labels.txt",
            "vocab.txt",
            "vocab",
            "tokenizer.model",
            "handler.py",
        ),
        *("tokenizer_config.json", "verify.jsonl.gz", "inference.pdmodel", "inference.pdiparams.info"),
        *("ppocr_keys.dict", "sub/char.dic"),
    ],
)
def test_what_a_model_needs_comes(name: str) -> None:
    assert chosen(*MODEL, name) == [*MODEL, name]


@pytest.mark.parametrize(
    "name",
    [
        *("README.md", "model.safetensors", "model.safetensors.index.json", ".gitattributes", "train.py"),
        *("picture.png", "model.pdparams", ".git/config.json", "__MACOSX/labels.txt", "pytorch_model.bin"),
    ],
)
def test_what_it_does_not_need_stays(name: str) -> None:
    assert chosen(*MODEL, name) == MODEL


def test_of_a_model_in_a_subfolder_only_its_folder_comes() -> None:
    below = [f"v1/{name}" for name in MODEL]
    assert chosen("labels.txt", *below, "other/config.json") == below


def test_what_the_place_gives_as_a_whole_comes_as_a_whole() -> None:
    files = [File(path=path) for path in (*MODEL, "README.md")]
    assert selection.chosen(Listing(files=files, everything=True)).listing.files == files


HOSTILE = {
    "climbs": "../inference.json",
    "climbs inside": "a/../../b.json",
    "absolute": "/etc/passwd",
    "empty part": "a//b.json",
    "dot": "./b.json",
    "control": "a\nb.json",
    "zero": "a\0b.json",
    "half a character": "a\ud800.json",
    "long": "a" * 300 + ".json",
    "deep": "a/" * 1500 + "b.json",
    "case": "Inference.json",
    "case beyond ASCII": "\u017ftra\u00dfe.json",
}


@pytest.mark.parametrize("path", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_name_is_refused(path: str) -> None:
    assert refused(*MODEL, path, "STRASSE.json").reason == "UnsafeListing"


def test_names_that_differ_by_unicode_form_alone_are_refused() -> None:
    assert refused(*MODEL, "caf\u00e9.json", "cafe\u0301.json").reason == "UnsafeListing"


def test_a_file_with_the_name_of_a_folder_is_refused() -> None:
    assert refused(*MODEL, "inference.json/labels.txt").reason == "UnsafeListing"


def test_several_models_are_listed() -> None:
    fault = refused(*[f"{folder}/{name}" for folder in "abcdefg" for name in MODEL])
    assert (fault.reason, "a, b, c, d, e and 2 more" in fault.message) == ("SeveralModels", True)


def test_a_place_without_a_model_is_refused_before_anything_is_fetched() -> None:
    assert refused("README.md", "model.safetensors").reason == "NoModel"


def test_half_a_model_comes_so_that_the_missing_half_is_named() -> None:
    assert chosen("inference.pdiparams", "labels.txt") == ["inference.pdiparams", "labels.txt"]


def test_a_listing_without_end_is_refused() -> None:
    assert refused(*map(str, range(selection.MAX_FILES + 1))).reason == "TooManyFiles"


@given(st.lists(st.text(max_size=8), max_size=4))
def test_whatever_is_chosen_lies_inside(paths: list[str]) -> None:
    try:
        found = chosen(*MODEL, *paths)
    except StartError:
        return
    for path in found:
        assert not path.startswith("/")
        assert not {"", ".", ".."} & set(path.split("/"))
