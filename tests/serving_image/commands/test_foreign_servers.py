"""The commands against servers that are not ours: one that says little, one that means ill."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from tests.serving_image.support.command_line import command
from tests.serving_image.support.stub_server import Handler, answering

ESCAPE = "\x1b]0;owned\x07\x9b2J\u202e"  # titles a terminal, clears it, turns the text around


def doubling(metadata: dict[str, Any], output: str = "y") -> type[Handler]:
    """A V2 server without binary tensors whose model doubles its first input."""

    class Doubling(Handler):
        def do_GET(self) -> None:  # noqa: N802 - http.server looks for it
            name = metadata["name"]
            pages: dict[str, dict[str, Any]] = {
                "/v1/models": {"models": [name]},
                "/v2": {"name": "stub", "extensions": []},
            }
            self.say(pages.get(self.path, metadata))

        def do_POST(self) -> None:  # noqa: N802 - http.server looks for it
            (tensor, *_) = orjson.loads(self.rfile.read(int(self.headers["Content-Length"])))["inputs"]
            answer = tensor | {"name": output, "data": [2 * value for value in tensor["data"]]}
            self.say({"model_name": metadata["name"], "outputs": [answer]})

        def say(self, content: dict[str, Any]) -> None:
            body = orjson.dumps(content)
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Doubling


@pytest.fixture(scope="module")
def silent() -> Iterator[str]:
    """As KServe's own runtime for Paddle: it names no inputs and no outputs."""
    with answering(
        doubling({"name": "model", "versions": [], "platform": "", "inputs": [], "outputs": []})
    ) as url:
        yield url


def test_a_server_that_names_no_inputs_is_asked_with_those_of_the_files(silent: str, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([[1, 2, 3]], np.int32))
    np.savez(tmp_path / "both.npz", a=np.ones((1, 2), np.float16), b=np.zeros((1, 1), np.int64))
    (output,) = json.loads(command("predict", silent, f"x={tmp_path}/x.npy", "--json"))["outputs"]
    assert output == {"name": "y", "datatype": "INT32", "shape": [1, 3], "data": [2, 4, 6]}
    (output,) = json.loads(command("predict", silent, tmp_path / "both.npz", "--json"))["outputs"]
    assert output == {"name": "y", "datatype": "FP16", "shape": [1, 2], "data": [2.0, 2.0]}
    recording = tmp_path / "r.jsonl"
    command("verify", silent, recording, tmp_path / "both.npz", "--record")
    assert json.loads(command("verify", silent, recording, "--json"))["agrees"]


def test_a_server_that_names_no_inputs_cannot_be_asked_without_any(silent: str, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((1, 3), np.float32))
    assert "so nothing can be made up; give the inputs." in command("predict", silent, code=1)
    assert "The server names no inputs; say which: NAME=" in command(
        "predict", silent, tmp_path / "x.npy", code=1
    )
    assert "give the request with --body FILE" in command("bench", silent, code=1)


def test_no_name_of_a_server_commands_the_terminal(tmp_path: Path) -> None:
    def tensor(name: str) -> dict[str, Any]:
        return {"name": name, "datatype": "FP32", "shape": [-1, 2]}

    metadata = {"name": ESCAPE, "inputs": [tensor(f"x{ESCAPE}")], "outputs": [tensor(ESCAPE)]}
    recording = tmp_path / "r.jsonl"
    with answering(doubling(metadata, output=ESCAPE)) as url:
        printed = [
            command("predict", url),
            command("predict", url, "--json"),
            command("predict", url, "--shape", "z=1", code=1),
            command("verify", url, recording, "--record", "--count", 1),
            command("verify", url, recording),
            command("verify", url, recording, "--json"),
            command("verify", url, recording, "--tolerance", "z=0,0", code=1),
        ]
    for text in printed:
        assert not [c for c in text if not c.isprintable() and c != "\n"]
    assert json.loads(printed[1])["outputs"][0]["name"] == ESCAPE
