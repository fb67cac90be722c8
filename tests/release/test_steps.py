"""A release of this checkout as a dry run, and what is refused; the images only in `make test-slow`."""

import hashlib
import io
import json
import os
import subprocess
import tarfile
from pathlib import Path

import pytest
import yaml

from devcluster import paths
from release import versions
from release.__main__ import main
from tests.repository.sources import ROOT, files, shown


def git(folder: Path, *words: str) -> str:
    command = ["git", "-c", "user.name=A", "-c", "user.email=a@example.com", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What is in the working tree now, committed in a repository of its own, in which the command runs."""
    root = tmp_path / "checkout"
    root.mkdir()
    names = "\0".join(shown(path) for path in files())
    packed = subprocess.run(
        ["tar", "-c", "--null", "-T", "-"], cwd=ROOT, input=names.encode(), capture_output=True, check=True
    )
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as tar:
        tar.extractall(root, filter="tar")
    git(root, "init", "--quiet")
    git(root, "config", "user.name", "A")
    git(root, "config", "user.email", "a@example.com")
    git(root, "add", "--all", "--force")
    git(root, "commit", "--quiet", "--message", "All")
    monkeypatch.chdir(root)
    return root


def state(root: Path) -> str:
    return git(root, "rev-parse", "HEAD") + git(root, "status", "--porcelain") + git(root, "tag")


def chart_of(package: Path) -> dict[str, str]:
    with tarfile.open(package) as tar:
        content = tar.extractfile("paddlemodel-operator/Chart.yaml")
        assert content is not None
        found: dict[str, str] = yaml.safe_load(content)
        return found


def right_sums(folder: Path) -> bool:
    lines = [line.split("  ") for line in (folder / "SHA256SUMS").read_text().splitlines()]
    sums = {name: value for value, name in lines}
    there = {file.name for file in folder.iterdir()} - {"SHA256SUMS"}
    return sums.keys() == there and all(
        hashlib.sha256((folder / name).read_bytes()).hexdigest() == value for name, value in sums.items()
    )


def test_a_dry_run_makes_everything_but_the_images_and_changes_nothing(
    checkout: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, made = state(checkout), tmp_path / "made"
    assert main(["make", "9.8.7", "--dry-run", "--without-images", f"--into={made}"]) == 0
    assert state(checkout) == before
    assert {file.name for file in made.iterdir()} == {
        *("NOTES.md", "SHA256SUMS", "paddlemodel-operator-9.8.7.tgz", "paddlemodels.yaml"),
    }
    chart = chart_of(made / "paddlemodel-operator-9.8.7.tgz")
    assert (chart["version"], chart["appVersion"]) == ("9.8.7", "9.8.7")
    assert right_sums(made)
    said = capsys.readouterr()
    told = said.out + said.err
    assert "nothing is pushed. This was a dry run." in told
    assert "git push origin HEAD v9.8.7" in told
    assert f"helm push {made}/paddlemodel-operator-9.8.7.tgz oci://$REGISTRY/charts" in told


def test_a_release_is_one_commit_and_its_tag(checkout: Path, tmp_path: Path) -> None:
    parent = git(checkout, "rev-parse", "HEAD")
    assert main(["make", "9.8.7", "--without-images", f"--into={tmp_path / 'made'}"]) == 0
    assert git(checkout, "rev-parse", "HEAD~1") == parent
    assert git(checkout, "log", "-1", "--format=%s %D").startswith("Release 9.8.7 HEAD")
    assert git(checkout, "rev-list", "-1", "v9.8.7") == git(checkout, "rev-parse", "HEAD")
    assert git(checkout, "status", "--porcelain") == ""
    assert versions.current(checkout) == "9.8.7"
    assert "(unreleased)" not in (checkout / "CHANGELOG.md").read_text()


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["make", "--without-images", *words]) == 2
    return capsys.readouterr().err


def test_what_is_not_ready_is_one_sentence(
    checkout: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "is no version such as" in refused(capsys, "next")
    (tmp_path / "there").mkdir()
    assert "is there already" in refused(capsys, "9.8.7", f"--into={tmp_path / 'there'}")
    git(checkout, "tag", "v9.8.7")
    assert "there is a tag v9.8.7 already" in refused(capsys, "9.8.7")
    (checkout / "README.md").write_text("changed")
    assert "changes that are not committed:\n M README.md" in refused(capsys, "9.8.8")
    assert not (checkout / "build").exists()


@pytest.mark.slow
@pytest.mark.node
@pytest.mark.usefixtures("checkout")
def test_the_images_are_of_the_release_s_commit_and_have_their_lists_of_parts(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Takes minutes: both are built with the new version."""
    if request.config.getoption("--kubeconfig") or (os.geteuid() != 0 and not os.environ.get("CI")):
        pytest.skip("building images needs root, and is not what a cluster of yours is for")
    made = tmp_path / "made"
    try:
        assert main(["make", "9.8.7", "--dry-run", f"--into={made}"]) == 0
    finally:
        for archive in (paths.cache() / "images").glob("*-9.8.7-*.tar"):
            archive.unlink()
    assert right_sums(made)
    for name, distribution in (("operator-9.8.7", "operator"), ("server-9.8.7-cpu", "server")):
        parts = json.loads((made / f"{name}.cdx.json").read_text())
        assert f"{parts['metadata']['component']['name']}-{parts['metadata']['component']['version']}" == name
        versions_of = {one["name"]: one["version"] for one in parts["components"]}
        assert versions_of[f"paddlemodel-{distribution}"] == "9.8.7"
        with tarfile.open(made / f"{name}.oci.tar") as tar:
            (entry,) = json.load(tar.extractfile("index.json") or io.BytesIO())["manifests"]
        assert parts["metadata"]["component"]["purl"].startswith(f"pkg:oci/{distribution}@{entry['digest']}?")
