"""The git repository of a team: the chart, and the YAML of its models."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.repository.helm.charts import CHART
from tests.repository.sources import ROOT

Object = dict[str, Any]

PUBLISHED = "https://git.example.com/platform.git"
"""What stands for its address in the example and on the page."""
_NOBODY = {"NAME": "Platform", "EMAIL": "platform@example.com"}


class Repository:
    """One in a folder; Argo CD reads it by its address."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = f"file://{folder}"
        shutil.copytree(CHART, folder / CHART.relative_to(ROOT))
        (folder / "models").mkdir()
        self._git("init", "--quiet", "--initial-branch=main")

    def model(self, manifest: Object) -> None:
        """Write or replace the YAML of a model."""
        name = manifest["metadata"]["name"]
        (self.folder / "models" / f"{name}.yaml").write_text(yaml.safe_dump(manifest))

    def chart(self, file: str, old: str, new: str) -> None:
        """Change one place in a file of the chart."""
        path = self.folder / CHART.relative_to(ROOT) / file
        before = path.read_text()
        assert before.count(old) == 1, f"{old!r} is not once in {file}"
        path.write_text(before.replace(old, new))

    def commit(self, message: str) -> None:
        """As a person does who has reviewed the change."""
        self._git("add", "--all")
        self._git("commit", "--quiet", "--message", message)

    def head(self) -> str:
        """The newest commit."""
        return self._git("rev-parse", "HEAD")

    def _git(self, *words: str) -> str:
        who = {f"GIT_{role}_{key}": text for role in ("AUTHOR", "COMMITTER") for key, text in _NOBODY.items()}
        environment = {**os.environ, **who, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        command = ["git", "-C", str(self.folder), *words]
        done = subprocess.run(command, check=True, env=environment, capture_output=True, text=True)
        return done.stdout.strip()
