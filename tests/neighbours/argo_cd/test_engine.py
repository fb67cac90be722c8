"""Argo CD's own engine judges one recorded object for each reason, by the check that the page tells to add.

tests/operator/status/test_kstatus.py makes the objects, and says what is to be expected of them.
"""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from devcluster.builders import programs
from devcluster.neighbours import argo_cd
from tests.repository.sources import ROOT

EXAMPLE = ROOT / "examples/argocd"
FOLDER = EXAMPLE / "resource_customizations/paddlemodel.dev/PaddleModel"
CASES = yaml.safe_load((FOLDER / "health_test.yaml").read_text())["tests"]


@pytest.fixture(scope="module")
def argocd() -> str:
    programs.build((argo_cd.MODULE,))
    return programs.program(argo_cd.MODULE, "argocd")


@pytest.mark.parametrize("case", CASES, ids=[Path(case["inputPath"]).stem for case in CASES])
def test_health(case: dict[str, Any], argocd: str) -> None:
    command = [
        argocd, "admin", "settings", "resource-overrides", "health", str(FOLDER / case["inputPath"]),
        f"--argocd-cm-path={EXAMPLE / 'argocd-cm.yaml'}",
    ]  # fmt: skip
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    expected = case["healthStatus"]
    assert said == f"STATUS: {expected['status']}\nMESSAGE: {expected['message']}\n"
