"""The commands for people, each run as a program, against the real server or real files."""

import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import orjson
import pytest
from paddlemodel_server.commands import served

from tests.models import trained_model
from tests.serving_image.support.command_line import command
from tests.serving_image.support.models.model_builders import PIR_MODEL, tar_of
from tests.serving_image.support.servers import Server


@pytest.mark.parametrize("name", ["serve", "fetch", "export", "inspect", "predict", "verify", "bench"])
def test_every_command_explains_itself(name: str) -> None:
    assert f"\n  {name} " in command("--help")
    printed = command(name, "--help")
    assert f"usage: paddlemodel-server {name}" in printed
    assert "\nexamples:\n" in printed
    assert "Exit codes: 0 " in printed


def test_an_unknown_command_is_refused_with_those_that_exist() -> None:
    assert "the commands are bench, export, fetch, inspect, pack, predict, serve, verify" in command(
        "sreve", code=2
    )


def test_commands_do_not_make_serve_and_fetch_pay() -> None:
    program = (
        "import sys; from paddlemodel_server import cli\n"
        "try: cli.main(['fetch', '--help'])\n"
        "except SystemExit: print({'rich', 'numpy', 'paddle', 'uvloop'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"


# --- inspect


def test_inspect_says_what_a_model_is(exported: Callable[[str, str], Path]) -> None:
    found = json.loads(command("inspect", exported("pir", "pair"), "--json"))
    assert found["format"] == "PIR"
    assert found["inputs"] == [
        {"name": "x", "datatype": "FP32", "shape": [-1, 3]},
        {"name": "count", "datatype": "INT64", "shape": [-1, 1]},
    ]
    assert found["parameters"] == {"tensors": 1, "values": 1, "values_by_dtype": {"float32": 1}}
    assert found["remarks"] == []
    table = command("inspect", exported("legacy", "pair") / "inference.pdmodel")
    assert "Legacy, written by PaddlePaddle 3.3.1" in table
    assert "input    count" in table


def test_inspect_tells_of_each_model_of_a_task_that_has_several() -> None:
    """Those of OCR: what finds the lines, and what reads them."""
    models = trained_model("character-det"), trained_model("character-rec")
    found = json.loads(command("inspect", *models, "--json"))
    assert [one["task"]["name"] for one in found] == ["textDetection", "textRecognition"]
    assert [len(one["digest"]) for one in found] == [71, 71]
    table = command("inspect", *models)
    places = [table.index(f"model       {model}") for model in models]
    assert places == sorted(places)
    assert table.index("task        textDetection") < places[1] < table.index("task        textRecognition")


def test_inspect_warns_of_a_fixed_batch(exported: Callable[[str, str], Path]) -> None:
    (remark,) = json.loads(command("inspect", exported("pir", "picture-one"), "--json"))["remarks"]
    assert remark.startswith("No batching: the first dimension of image is not open (shape [1, 3, 32, 32]).")


def test_the_digest_of_an_archive_is_the_one_to_pin(tmp_path: Path) -> None:
    archive = tmp_path / "model.tar.gz"
    archive.write_bytes(tar_of(PIR_MODEL, compression="gz"))
    printed = subprocess.run(["sha256sum", archive], capture_output=True, text=True, check=True).stdout
    assert json.loads(command("inspect", archive, "--json"))["digest"] == f"sha256:{printed.split()[0]}"


def test_inspect_refuses_with_the_sentence_of_the_fault(tmp_path: Path) -> None:
    (tmp_path / "inference.json").write_bytes(PIR_MODEL["inference.json"])
    assert command("inspect", tmp_path, code=1) == (
        "paddlemodel-server inspect: inference.json has no parameters beside it; "
        "add inference.pdiparams from the same export.\n"
    )


def test_inspect_names_the_model_that_it_cannot_find(tmp_path: Path) -> None:
    (tmp_path / "往").symlink_to("nowhere")
    for missing in (str(tmp_path / "no such"), str(tmp_path / "往"), ""):
        assert command("inspect", missing, code=1) == (
            f"paddlemodel-server inspect: There is no file or folder {missing}; correct the path.\n"
        )
    several = command("inspect", trained_model("character-det"), tmp_path, code=1)
    assert several.startswith(f"paddlemodel-server inspect: {tmp_path}: No .json or .pdmodel program")


# --- predict


def test_predict_asks_a_running_server(server: Server, tmp_path: Path) -> None:
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    np.save(tmp_path / "x.npy", x)
    saved = tmp_path / "answer.npz"
    body = json.loads(command("predict", server.url, tmp_path / "x.npy", "--json", "--save", saved))
    doubled, mean = body["outputs"]
    assert doubled["data"] == [1.0, 3.0, 5.0, 7.0, 9.0, 11.0]
    assert mean == {"name": mean["name"], "datatype": "FP32", "shape": [2], "data": [1.0, 4.0]}
    assert np.array_equal(np.load(saved)[doubled["name"]], x * 2 + 1)


def test_predict_takes_arrays_by_the_names_of_the_inputs(server: Server, tmp_path: Path) -> None:
    x = np.array([[1, 2]], np.float32)
    np.save(tmp_path / "x.npy", x)
    np.savez(tmp_path / "inputs.npz", x=x)
    for given in (f"x={tmp_path / 'x.npy'}", tmp_path / "inputs.npz"):
        answer = json.loads(command("predict", server.url, given, "--json"))
        assert answer["outputs"][0]["data"] == [3.0, 5.0]


def test_predict_reads_a_request_from_standard_input(server: Server) -> None:
    request = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}]}
    done = subprocess.run(
        [sys.executable, "-m", "paddlemodel_server.cli", "predict", server.url, "-", "--json"],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["outputs"][0]["data"] == [3.0, 5.0]


def test_predict_passes_on_what_the_server_says(server: Server, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros(3, np.float32))
    assert "/infer answers 400: " in command("predict", server.url, tmp_path / "x.npy", code=1)
    np.save(tmp_path / "x.npy", np.zeros((1, 3), np.int8))
    printed = command("predict", server.url, tmp_path / "x.npy", code=1)
    assert "x is int8 in the file, float32 in the model; convert it." in printed


def test_predict_names_what_does_not_answer() -> None:
    assert "http://127.0.0.1:9 does not answer" in command("predict", "http://127.0.0.1:9", code=1)


def test_predict_serves_a_folder_for_one_request(exported: Callable[[str, str], Path]) -> None:
    table = command("predict", exported("pir", "pair"), "--zeros")
    assert "output   fetch_name_0" in table
    assert "answered in " in table


def test_a_folders_server_does_not_wait_for_others_at_its_end() -> None:
    settings = served.environment(Path("model"), 8080, 8081, {"PADDLEMODEL_DRAIN_SECONDS": "9"})
    assert settings["PADDLEMODEL_DRAIN_SECONDS"] == "0"


# --- verify


def test_a_recording_agrees_with_the_model_it_is_of(server: Server, tmp_path: Path) -> None:
    recording = tmp_path / "r.jsonl.gz"
    command("verify", server.url, recording, "--record", "--count", 3, "--shape", "x=2,5")
    lines = [orjson.loads(line) for line in gzip.decompress(recording.read_bytes()).splitlines()]
    assert [line["request"]["inputs"][0]["shape"] for line in lines] == [[2, 5]] * 3
    report = json.loads(command("verify", server.url, recording, "--json"))
    assert report["agrees"] is True
    assert [row["requests"] for row in report["outputs"]] == [3, 3]


def test_a_difference_is_shown_with_its_size_and_fails(server: Server, tmp_path: Path) -> None:
    recording = tmp_path / "r.jsonl"
    command("verify", server.url, recording, "--record", "--count", 2, "--shape", "x=1,2")
    first, second = recording.read_bytes().splitlines()
    changed = orjson.loads(second)
    output = changed["response"]["outputs"][0]
    output["data"][1] += 0.5
    recording.write_bytes(first + b"\n" + orjson.dumps(changed) + b"\n")
    refused = subprocess.run(
        [sys.executable, "-m", "paddlemodel_server.cli", "verify", server.url, recording, "--json"],
        capture_output=True,
        check=False,
    )
    assert refused.returncode == 1
    row = json.loads(refused.stdout)["outputs"][0]
    assert (row["differ"], row["worst_request"]) == (1, 2)
    assert row["largest"] == pytest.approx(0.5, abs=1e-5)
    command("verify", server.url, recording, "--tolerance", f"{output['name']}=0,0.6")


@pytest.fixture
def renamed(server: Server, tmp_path: Path) -> tuple[Path, str, str]:
    """A recording whose first output is 0.5 away and has another name, as another format would give it."""
    recording = tmp_path / "r.jsonl"
    command("verify", server.url, recording, "--record", "--count", 1, "--shape", "x=1,2")
    line = orjson.loads(recording.read_bytes())
    output = line["response"]["outputs"][0]
    now, output["name"] = output["name"], "scale_0.tmp_0"
    output["data"][0] += 0.5
    recording.write_bytes(orjson.dumps(line))
    return recording, output["name"], now


def test_tolerances_hold_for_outputs_that_have_other_names_now(
    server: Server, renamed: tuple[Path, str, str]
) -> None:
    recording, then, now = renamed
    command("verify", server.url, recording, "--atol", 0.6)
    command("verify", server.url, recording, "--rtol", 100)
    command("verify", server.url, recording, "--tolerance", f"{then}=0,0.6")
    command("verify", server.url, recording, "--tolerance", f"{now}=0,0.6")
    command("verify", server.url, recording, "--atol", 0.6, "--tolerance", f"{now}=0,0.4", code=1)
    assert f"There is no output z, only {now}, " in command(
        "verify", server.url, recording, "--tolerance", "z=0,0.6", code=1
    )


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "holds no requests"),
        (b"{}\n", "Line 1 of "),
        (
            (
                b'{"request": {"inputs": [{"name": "y", "datatype": "FP32", "shape": [1], "data": [1]}]}, '
                b'"response": {"outputs": []}}\n'
            ),
            "the recording is of another model",
        ),
        (
            (
                b'{"request": {"inputs": [{"name": "x", "datatype": "INT32", "shape": [1], "data": [1]}]}, '
                b'"response": {"outputs": []}}\n'
            ),
            "Request 1 has x of int32, the model wants float32; the recording is of another model",
        ),
    ],
)
def test_a_wrong_recording_is_one_sentence(
    server: Server, tmp_path: Path, content: bytes, sentence: str
) -> None:
    (tmp_path / "r.jsonl").write_bytes(content)
    assert sentence in command("verify", server.url, tmp_path / "r.jsonl", code=1)


# --- bench


def test_bench_measures_servers_side_by_side(server: Server) -> None:
    other = f"{server.url}/v2/models/mixed"
    report = json.loads(
        command(
            *("bench", server.url, other, "--concurrency", "1,4", "--duration", 0.3, "--rounds", 2),
            *("--warmup", 0.1, "--json"),
        )
    )
    assert [(one["url"], one["concurrency"]) for one in report] == [
        (server.url, 1),
        (other, 1),
        (server.url, 4),
        (other, 4),
    ]
    for one in report:
        assert len(one["throughput"]) == 2
        assert min(one["throughput"]) > 0
        assert one["errors"] == {}
        assert one["p50_ms"] <= one["p90_ms"] <= one["p99_ms"]
    assert [one["ratio"] for one in report if one["url"] == server.url] == [1.0, 1.0]


def test_bench_keeps_the_rate_of_an_open_load(server: Server) -> None:
    # Connections for all: without a free one a request that is due is a fault.
    load = ("--rate", 50, "--concurrency", 100, "--warmup", 0, "--duration", 1, "--rounds", 1)
    (one,) = json.loads(command("bench", server.url, *load, "--json"))
    assert 0 < one["throughput"][0] <= 55  # never faster than asked, whatever the machine does


def test_bench_shows_a_table_and_counts_what_failed(server: Server, tmp_path: Path) -> None:
    table = command("bench", server.url, "--duration", 0.2, "--rounds", 1, "--concurrency", 2)
    assert "requests/s" in table
    assert " none" in table
    (tmp_path / "wrong.json").write_text("{")
    printed = command("bench", server.url, "--body", tmp_path / "wrong.json", code=1)
    assert "/predict answers 400" in printed
