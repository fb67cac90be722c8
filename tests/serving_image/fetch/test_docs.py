"""docs/models.md tells the truth: its export works as shown, and every refusal is explained."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import paddlemodel_server
import pytest
from paddlemodel_server.fetch import command as fetch
from paddlemodel_server.fetch.retry_policy import RetryPolicy
from paddlemodel_server.fetch.unpacking.archive import Limits
from paddlemodel_server.model import files

from tests.bare_predictor import predict

PAGE = (Path(__file__).parents[3] / "docs" / "models.md").read_text()
# Where what can be wrong with a model or its source is found.
SOURCES = ("fetch", "model", "engine/paddle_errors.py")


@pytest.mark.parametrize(("flag", "model_format"), [("1", "PIR"), ("0", "Legacy")])
def test_the_export_of_the_page_can_be_fetched_and_run(tmp_path: Path, flag: str, model_format: str) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    environment = os.environ | {"FLAGS_enable_pir_api": flag}
    subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, check=True, capture_output=True
    )
    source, goal = tmp_path / "my-model", tmp_path / "models" / "model"
    fetched = fetch.fetch(fetch.Options(uri=f"file://{source}", into=goal))
    assert fetched.format == model_format
    (answer,) = predict(goal, {"x": np.ones((3, 16), np.float32)}).values()
    assert answer.shape == (3, 4)
    (command,) = re.findall(r"^cd my-model && (find .*)$", PAGE, re.MULTILINE)
    printed = subprocess.run(
        command, shell=True, cwd=source, capture_output=True, text=True, check=True
    ).stdout
    assert fetched.digest == f"sha256:{printed.split()[0]}" == files.digest(source)


def test_every_reason_has_its_row_and_no_row_is_invented() -> None:
    folder = Path(paddlemodel_server.__file__).parent
    paths = [path for source in SOURCES for path in ((folder / source).rglob("*.py"), [folder / source])]
    code = "".join(path.read_text() for found in paths for path in found if path.is_file())
    raised = set(re.findall(r'StartError\(\s*"(\w+)"', code))
    explained = set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))
    assert raised == explained


def test_the_limits_of_the_page_are_those_of_the_code() -> None:
    limits = Limits()
    assert (limits.max_members, limits.max_bytes, limits.max_ratio) == (10_000, 20 << 30, 100)
    assert limits.ratio_from == 64 << 20
    assert "10,000 members, 20 GiB packed and unpacked, and 100 times" in PAGE
    assert RetryPolicy().attempts == 6
