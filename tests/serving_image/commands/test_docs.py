"""docs/command-line.md tells the truth: its commands run as they stand there, and print what it shows."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from tests.serving_image.support import servers

PAGE = (Path(__file__).parents[3] / "docs" / "command-line.md").read_text()
EXAMPLES = [
    example
    for block in re.findall(r"^```console\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    for example in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)
]


def words(text: str) -> str:
    """The text without what a terminal's width decides."""
    return " ".join(re.sub(r"[─\s]+", " ", text).split())


def test_the_examples_of_the_page(tmp_path: Path) -> None:
    (model,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    (tmp_path / "model.py").write_text(model)
    commands = {line.split()[1] for line, _ in EXAMPLES}
    assert commands == {"export", "inspect", "pack", "predict", "verify", "bench"}
    local = [(line, shown) for line, shown in EXAMPLES if "localhost" not in line]
    for line, shown in local:
        run(line, shown, tmp_path)
    with servers.serving(tmp_path / "my-model", tmp_path) as server:
        for line, shown in EXAMPLES:
            if "localhost" in line:
                run(line.replace("localhost:8080", f"127.0.0.1:{server.port}"), shown, tmp_path)


def run(line: str, shown: str, folder: Path) -> None:
    program, *arguments = shlex.split(line)
    assert program == "paddlemodel-server"
    done = subprocess.run(
        [sys.executable, "-m", "paddlemodel_server.cli", *arguments],
        cwd=folder,
        env={k: v for k, v in os.environ.items() if not k.startswith("PADDLEMODEL_")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{line}: {done.stderr}"
    if shown:
        expected = re.escape(words(shown)).replace("…", ".*?")
        assert re.fullmatch(expected, words(done.stdout)), f"{line} prints:\n{done.stdout}"
