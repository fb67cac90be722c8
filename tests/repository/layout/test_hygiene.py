"""What must not be in the repository, and numbers that must agree."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.repository.sources import ROOT, files, named, shown, text

ITSELF = Path(__file__)

FORBIDDEN = {
    "the address of a package registry or mirror": (
        r"pypi\.org|pythonhosted\.org|proxy\.golang\.org|sum\.golang\.org|\.pkg\.dev|deb\.debian\.org"
        r"|registry\.npmjs|index-url\s*=\s*http|paddlepaddle\.org\.cn/packages|mirror\.baidu\.com"
    ),
    "a path of one machine": r"(?<![\w.$}])/(?:work|root|home)/\w",
    # Pod Security levels have a version of that name, too.
    "a moving image tag": r"(?<!restricted)(?<!baseline)(?<!privileged):latest\b",
    "a conflict marker": r"^(?:<{7}|>{7}) ",
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_holds(what: str) -> None:
    found = [
        f"{shown(path)}:{number}: {line.strip()[:120]}"
        for path in files()
        if path != ITSELF and path.suffix != ".sum"
        for number, line in enumerate(text(path).splitlines(), start=1)
        if re.search(FORBIDDEN[what], line)
    ]
    assert found == []


def test_no_link_is_under_version_control() -> None:
    """One to a virtual environment elsewhere has replaced the environment of each checkout that took it."""
    listed = subprocess.run(
        ["git", "ls-files", "--stage"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert [line for line in listed.stdout.splitlines() if line.startswith("120000 ")] == []


def version_of(distribution: str) -> str:
    content = tomllib.loads((ROOT / distribution / "pyproject.toml").read_text())
    version: str = content["project"]["version"]
    return version


def test_versions_agree() -> None:
    """One number: distributions, chart, images, changelog."""
    version = version_of("operator")
    chart = yaml.safe_load((ROOT / "helm/paddlemodel-operator/Chart.yaml").read_text())
    assert version_of("serving_image") == version
    assert chart["version"] == version
    assert chart["appVersion"] == version
    assert f"## {version}" in text(ROOT / "CHANGELOG.md")
    for dockerfile in named("Dockerfile.operator", "Dockerfile.serving"):
        assert f"\nARG VERSION={version}\n" in text(dockerfile)


def test_image_names_carry_the_version() -> None:
    """Wherever one of our images is named with a tag, the tag is the version."""
    version = re.escape(version_of("operator"))
    wrong = [
        f"{shown(path)}: {match[0]}"
        for path in files()
        if path != ITSELF and not shown(path).startswith("tests/")
        for match in re.finditer(r"paddlemodel/(?:operator|server):(?=[\w$])\S+", text(path))
        if not re.match(rf"paddlemodel/(?:operator:{version}|server:{version}-[cg]pu)(?![\w-])", match[0])
        and "{" not in match[0]
    ]
    assert wrong == []


@pytest.mark.parametrize("path", named("requirements/*.txt"), ids=shown)
def test_requirements_are_locked_by_hash(path: Path) -> None:
    requirements = re.sub(r"\\\n", "", text(path)).splitlines()
    loose = [
        line[:80]
        for line in requirements
        if line.strip() and not re.match(r"[a-z0-9][a-z0-9._-]*==\S+ .*--hash=sha256:[0-9a-f]{64}", line)
    ]
    assert loose == []


def test_generated_crd_and_the_chart_s_copy_are_the_same() -> None:
    source, copy = ROOT / "crds/paddlemodels.yaml", ROOT / "helm/paddlemodel-operator/files/paddlemodels.yaml"
    assert text(copy) == text(source), (
        "renew both with: .venv/bin/python -m paddlemodel_api.schema.crd --write ."
    )
