"""Every example of docs/protocols.md, run against a real server: the commands and what they print."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.repository.sources import ROOT
from tests.serving_image.support.servers import Server, serving

PAGE = (ROOT / "docs" / "protocols.md").read_text()
CONSOLES = re.findall(r"^```console\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
PROGRAMS = re.findall(r"^```python\n(.*?)^```\n\n```text\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def model(exported: Callable[[str, str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(exported("pir", "coupled"), tmp_path_factory.mktemp("docs"), name="model") as running:
        yield running


def commands(console: str) -> list[tuple[str, str]]:
    """Each command, which may go on in indented lines, with what it prints."""
    parts = re.split(r"^\$ ", console, flags=re.MULTILINE)[1:]
    found = [re.fullmatch(r"(.*\n(?:  .*\n)*)((?:.*\n)*)", part) for part in parts]
    return [(match[1], match[2]) for match in found if match]


def test_the_page_has_examples() -> None:
    assert len(CONSOLES) >= 7
    assert len(PROGRAMS) == PAGE.count("```python") >= 2


@pytest.mark.parametrize("console", CONSOLES)
def test_commands_print_what_the_page_says(model: Server, tmp_path: Path, console: str) -> None:
    for command, printed in commands(console):
        real = command.replace("localhost:8080", f"127.0.0.1:{model.port}").replace("curl ", "curl -sS ")
        real = re.sub(r"^python ", f"{sys.executable} ", real)
        shown = subprocess.run(
            ["bash", "-ec", real], cwd=tmp_path, capture_output=True, text=True, timeout=180, check=True
        )
        assert shown.stdout.strip() == printed.strip(), command


@pytest.mark.parametrize(("program", "printed"), PROGRAMS)
def test_programs_print_what_the_page_says(model: Server, program: str, printed: str) -> None:
    real = program.replace("localhost:8080", f"127.0.0.1:{model.port}")
    shown = subprocess.run(
        [sys.executable, "-c", real], capture_output=True, text=True, timeout=180, check=True
    )
    assert shown.stdout == printed
