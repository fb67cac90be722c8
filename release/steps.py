"""A release, step by step, in a clone of the checkout: nothing is pushed, and a dry run commits nothing."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from devcluster.builders import programs
from devcluster.progress import step
from release import versions
from release.errors import ReleaseError

CHART = "helm/paddlemodel-operator"
SUMS = "SHA256SUMS"


@dataclass(frozen=True)
class Wanted:
    """What is to be released, from which checkout, into which folder."""

    root: Path
    version: str
    into: Path
    dry_run: bool
    images: bool

    @property
    def tag(self) -> str:
        """Of git."""
        return f"v{self.version}"


def make(wanted: Wanted) -> None:
    """Check, set the version, and write chart, images, lists of parts, notes and checksums into the folder.

    Without `dry_run` the commit and its tag are taken into the checkout at last.

    Raises:
        ReleaseError: The checkout is not ready, or a step failed.
    """
    _check(wanted)
    with tempfile.TemporaryDirectory() as folder:
        clone, made = Path(folder, "checkout"), Path(folder, "made")
        made.mkdir()
        _git(wanted.root, "clone", "--quiet", str(wanted.root), str(clone))
        notes = _commit(wanted, clone)
        (made / "NOTES.md").write_text(notes)
        shutil.copy(clone / "crds/paddlemodels.yaml", made)
        programs.build(("helm",))
        _run([programs.program("helm", "helm"), "package", CHART, f"--destination={made}"], clone)
        if wanted.images:
            with step("build the images from the release's own commit"):
                _run([sys.executable, "-m", "release", "images", f"--into={made}"], clone)
        (made / SUMS).write_text("".join(_sums(made)))
        if not wanted.dry_run:
            _git(wanted.root, "pull", "--quiet", "--ff-only", str(clone), "HEAD")
            _git(wanted.root, "tag", "--annotate", f"--message={wanted.tag}", wanted.tag)
        wanted.into.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(made, wanted.into)


def commands(wanted: Wanted) -> list[str]:
    """What publishes it, for a person to read and to run; REGISTRY is theirs."""
    place, version = wanted.into, wanted.version
    lines = [f"git push origin HEAD {wanted.tag}"]
    for name, tag in (("operator", version), ("server", f"{version}-cpu")) if wanted.images else ():
        archive = place / f"{name}-{tag}.oci.tar"
        lines.append(f"skopeo copy --preserve-digests oci-archive:{archive} docker://$REGISTRY/{name}:{tag}")
    return [*lines, f"helm push {place / f'paddlemodel-operator-{version}.tgz'} oci://$REGISTRY/charts"]


def _check(wanted: Wanted) -> None:
    versions.check(wanted.version, versions.current(wanted.root))
    if changed := _git(wanted.root, "status", "--porcelain"):
        raise ReleaseError(f"the checkout has changes that are not committed:\n{changed.rstrip()}")
    if _git(wanted.root, "tag", "--list", wanted.tag):
        raise ReleaseError(f"there is a tag {wanted.tag} already: choose another version")
    if wanted.into.exists():
        raise ReleaseError(f"{wanted.into} is there already: remove it, or name another folder with --into")


def _commit(wanted: Wanted, clone: Path) -> str:
    changelog = clone / versions.CHANGELOG
    today = datetime.now(UTC).date()
    text, notes = versions.release_notes(changelog.read_text(), wanted.version, today)
    changelog.write_text(text)
    names = _git(clone, "ls-files", "-z").split("\0")
    versions.set_everywhere(clone, [name for name in names if name], wanted.version)
    for name in ("user.name", "user.email"):
        if who := _git(wanted.root, "config", "--default", "", name).strip():
            _git(clone, "config", name, who)
    _git(clone, "commit", "--quiet", "--all", f"--message=Release {wanted.version}")
    return notes


def _sums(folder: Path) -> Iterator[str]:
    """As sha256sum writes and checks them."""
    for file in sorted(folder.iterdir()):
        with file.open("rb") as content:
            yield f"{hashlib.file_digest(content, 'sha256').hexdigest()}  {file.name}\n"


def _git(root: Path, *words: str) -> str:
    return _run(["git", *words], root)


def _run(command: list[str], folder: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()[-2000:]
        raise ReleaseError(f"{Path(command[0]).name} {command[1]} failed: {said}")
    return done.stdout
