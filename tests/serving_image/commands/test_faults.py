"""Wrong input to the commands: always one sentence and the right exit code, never a trace."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from paddlemodel_server import cli
from paddlemodel_server.errors import StartError
from paddlemodel_server.verification import v2_client

from tests.serving_image.support.servers import Server

FETCH = "--uri http://127.0.0.1:9/m.tar --into m"


def refusal(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[str, int]:
    """The last line that a command prints, and its exit code."""
    with pytest.raises(SystemExit) as ended:
        cli.main([str(argument) for argument in arguments])
    return capsys.readouterr().err.splitlines()[-1], int(str(ended.value.code))


WRONG = {
    "fewer rows than one": ("predict URL --rows -1", "argument --rows: invalid count value: '-1'", 2),
    "no rows": ("predict URL --rows 0", "argument --rows: invalid count value: '0'", 2),
    "an input that no memory holds": (
        "predict URL --shape x=1000000,1000000,1000000",
        "Such inputs do not fit into memory; make up smaller ones.",
        1,
    ),
    "no folder to save in": ("predict URL --save nowhere/a.npz", "there is no folder nowhere", 2),
    "no folder to record in": ("verify URL nowhere/r.jsonl --record", "there is no folder nowhere", 2),
    "no folder for the layer's record": (
        "export a:b --input x:float32[-1,3] --output m --record nowhere/r.jsonl",
        "there is no folder nowhere",
        2,
    ),
    "a tensor that is none": (
        "export a:b --input x=1,4 --output m",
        "argument --input: x=1,4 is not like x:float32[-1,3,224,224]; -1 is an open side",
        2,
    ),
    "a side of nothing": ("export a:b --input x:float32[0] --output m", "x:float32[0] is not like", 2),
    "a dtype that is none": ("export a:b --input x:float[1] --output m", "x:float[1] is not like", 2),
    "no layer": ("export net --input x:float32[1] --output m", "net is not like my_package.nets:Net or", 2),
    "half an address": ("predict http://[x", "http://[x is not an http:// or https:// address", 1),
    "a port that is none": ("bench http://h:99999", "http://h:99999 is not an http:// or https://", 1),
    "a port that is none, with a body": ("bench http://h:99999 --body x.npy", "http://h:99999 is not an", 1),
    "half an address of a model": ("inspect http://[x/model.tar", "The URI cannot be read", 1),
    "an empty array": ("predict URL empty.npy", "empty.npy is no whole .npy or .npz file", 1),
    "half an archive": ("predict URL half.npz", "half.npz is no whole .npy or .npz file", 1),
    "a damaged archive": ("predict URL damaged.npz", "damaged.npz is no whole .npy", 1),
    "Python objects": ("predict URL objects.npz", "objects.npz is no whole .npy or .npz", 1),
    "no file": ("predict URL absent.npy", "absent.npy cannot be read (No such file or directory).", 1),
    "no timeout": (f"fetch {FETCH} --timeout 0", "argument --timeout: invalid _seconds value: '0'", 2),
    "a timeout below zero": (f"fetch {FETCH} --timeout -1", "argument --timeout: invalid", 2),
    "a timeout that is no number": (f"fetch {FETCH} --timeout nan", "argument --timeout: invalid", 2),
    "no bytes": (f"fetch {FETCH} --max-bytes 0", "argument --max-bytes: invalid _count value: '0'", 2),
    "options between the arguments": ("predict URL --json three.npy", "x is int8 in the file", 1),
    "a whole number that is too large": ("predict URL 300.json", "x has values that UINT8 cannot hold.", 1),
    "a key in the address": ("predict http://alice:secret@h", "An URL with a user or a password is ref", 1),
    "no file with a key": ("bench URL --key-file absent", "absent cannot be read (No such file", 1),
    "an empty key": ("predict URL --key-file empty.npy", "empty.npy holds no API key: that is one line", 1),
    "two keys": ("predict URL --key-file two-keys", "two-keys holds no API key: that is one line", 1),
    "a key for a folder": ("predict m --key-file two-keys", "are for the URL of a running server", 2),
    "no authority": ("predict https://h --ca-file empty.npy", "empty.npy cannot be read as certificates", 1),
    "a compressed recording that is damaged": (
        "verify URL damaged.jsonl.gz",
        "Line 1 of damaged.jsonl.gz",
        1,
    ),
}


def packed(**arrays: Any) -> bytes:
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    return content.getvalue()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    whole = packed(x=np.random.default_rng(0).random((4, 3), dtype=np.float32))
    (tmp_path / "empty.npy").touch()
    (tmp_path / "half.npz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "damaged.npz").write_bytes(damaged(whole))
    (tmp_path / "objects.npz").write_bytes(packed(x=np.array([{}, None], dtype=object)))
    (tmp_path / "two-keys").write_text("planted-one-0123456789\nplanted-two-0123456789\n")
    np.save(tmp_path / "three.npy", np.zeros((1, 3), np.int8))
    (tmp_path / "300.json").write_text(
        '{"inputs": [{"name": "x", "datatype": "UINT8", "shape": [1], "data": [300]}]}'
    )
    (tmp_path / "damaged.jsonl.gz").write_bytes(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03" + b"\xff" * 40)
    return tmp_path


def damaged(archive: bytes) -> bytes:
    """The same archive with other bytes where its compressed content begins."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        begin = opened.infolist()[0].header_offset + 80
    return archive[:begin] + bytes(byte ^ 0xFF for byte in archive[begin : begin + 8]) + archive[begin + 8 :]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(("line", "sentence", "code"), WRONG.values(), ids=WRONG)
def test_wrong_input_is_one_sentence(
    server: Server, capsys: pytest.CaptureFixture[str], line: str, sentence: str, code: int
) -> None:
    found, ended = refusal(capsys, *line.replace("URL", server.url).split())
    assert sentence in found
    assert ended == code


def test_what_the_disk_refuses_is_one_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: object) -> int:
        raise OSError(28, "No space left on device", "answer.npz")

    monkeypatch.setattr("paddlemodel_server.commands.predict.main", full)
    expected = "paddlemodel-server predict: answer.npz: No space left on device."
    assert refusal(capsys, "predict", "x") == (expected, 1)


BEYOND = [("UINT8", 300), ("INT8", -129), ("INT32", 1.5), ("BOOL", 2), ("FP16", 1e6), ("INT64", 2**63)]


@pytest.mark.parametrize(("datatype", "value"), BEYOND)
def test_values_that_the_datatype_cannot_hold_are_refused(datatype: str, value: float) -> None:
    with pytest.raises(StartError, match=f"x has values that {datatype} cannot hold"):
        v2_client.array_of({"name": "x", "datatype": datatype, "shape": [1], "data": [value]})


def test_what_the_datatype_holds_is_taken() -> None:
    def values(datatype: str, *data: object) -> list[object]:
        tensor = {"name": "x", "datatype": datatype, "shape": [len(data)], "data": list(data)}
        return list(v2_client.array_of(tensor).tolist())

    assert values("UINT8", 0, 255) == [0, 255]
    assert values("BOOL", True, False) == [True, False]
    assert values("INT64") == []
    assert str(values("FP32", None, 1.5)) == "[nan, 1.5]"
