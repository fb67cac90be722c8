"""Commands refuse to write over what is not theirs, before they do any work."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from paddlemodel_server.commands import pack, predict, verify
from paddlemodel_server.commands.export import command
from paddlemodel_server.commands.export.options import Input, Job, Quantise, Save
from paddlemodel_server.errors import StartError

from tests.serving_image.support.servers import Server

EXPORT = ["model.py:Net", "--input", "x:float32[-1,16]"]
WRITES: dict[str, tuple[Callable[[list[str]], int], list[str]]] = {
    "predict --save": (predict.main, ["no-model", "--save", "FILE"]),
    "verify --record": (verify.main, ["no-model", "FILE", "--record"]),
    "pack --output": (pack.main, ["no-model", "--output", "FILE"]),
    "export --record": (command.main, [*EXPORT, "--output", "new", "--record", "FILE"]),
    "export --output a file": (command.main, [*EXPORT, "--output", "FILE"]),
    "export --output a folder": (command.main, [*EXPORT, "--output", "FOLDER"]),
}


@pytest.mark.parametrize(("main", "arguments"), WRITES.values(), ids=WRITES)
@pytest.mark.parametrize("name", ["thesis.npz", "thesis.jsonl", "thesis.jsonl.gz"])
def test_what_is_somebody_s_is_left_alone(
    tmp_path: Path, main: Callable[[list[str]], int], arguments: list[str], name: str
) -> None:
    path = tmp_path / name
    path.write_bytes(b"years of work")
    places = {"FILE": str(path), "FOLDER": str(tmp_path), "new": str(tmp_path / "new")}
    with pytest.raises(StartError, match="is there already") as caught:
        main([places.get(argument, argument) for argument in arguments])
    assert caught.value.reason == "OutputExists"
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {name: b"years of work"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["a.jpg", "--save", "x.npz"],
            "the answer to a.jpg is no tensor: --save FILE.png asks for a picture",
        ),
        (["a.jpg", "--save", "x.png", "--json"], "--json and --save FILE.png ask for two answers"),
        (["a.npy", "--save", "x.png"], "--save FILE.png is for a file that a task takes"),
    ],
)
def test_an_answer_goes_to_a_file_of_its_kind(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        predict.main(["no-model", *arguments])
    assert ended.value.code == 2
    assert words in capsys.readouterr().err


def test_an_earlier_answer_and_an_earlier_recording_are_replaced(server: Server, tmp_path: Path) -> None:
    answer, recorded = tmp_path / "answer.npz", tmp_path / "r.jsonl.gz"
    for rows in ("1", "2"):
        assert predict.main([server.url, "--rows", rows, "--save", str(answer)]) == 0
        assert verify.main([server.url, str(recorded), "--record", "--count", rows, "--rows", "2"]) == 0
    assert {len(array) for array in np.load(answer).values()} == {2}
    assert {path.name for path in tmp_path.iterdir()} == {"answer.npz", "r.jsonl.gz"}


@pytest.mark.parametrize(
    "job",
    [
        Job(answer="a", quantise=Quantise(model="m", calibration="c", output="o")),
        Job(
            answer="a",
            save=Save(
                target="m:f",
                weights="",
                state="s",
                inputs=(Input(name="x", dtype="float32", shape=(-1, 3)),),
                samples=("1", "2"),
                answers="a",
                output="o",
            ),
        ),
    ],
)
def test_a_job_is_read_as_it_was_written(tmp_path: Path, job: Job) -> None:
    job.write(tmp_path / "job.json")
    assert Job.read(tmp_path / "job.json") == job
