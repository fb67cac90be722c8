"""The list of parts of an image, from a root that is made up; the real images' are in test_parts.py."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from release import bill, image, inventory
from release.errors import ReleaseError

IMAGE = bill.Identity(
    "docker.io/me/it:1-cpu", f"sha256:{'a' * 64}", datetime(2026, 12, 1, tzinfo=UTC), "amd64"
)
STATUS = """\
Package: libc6
Status: install ok installed
Architecture: amd64
Source: glibc
Version: 2.36-9
Description: a library
 Package: not-a-package

Package: gone
Status: deinstall ok config-files
Architecture: all
Version: 1

Package: libgcc-s1
Status: install ok installed
Architecture: amd64
Source: gcc-12 (12.2.0-14)
Version: 12.2.0-14+b1
"""
DEP5 = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
License: LGPL-2.1+

Files: a.c
License: Expat

Files: b.c
License: GPL-3+ with Bison exception
 of which this is the text
"""
SITE = "opt/venv/lib/python3.11/site-packages"
HASHES = tuple(f"sha256:{letter * 64}" for letter in "bc")
LOCKED = {("some-thing", "1.2"): HASHES}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A Debian with two packages and two distributions of Python."""
    files = {
        "usr/lib/os-release": 'NAME="Debian GNU/Linux"\nVERSION_ID="12"\nID=debian\n',
        "var/lib/dpkg/status": STATUS,
        "usr/share/doc/libc6/copyright": DEP5,
        "usr/share/doc/libgcc-s1/copyright": "It is free.\nLicense: as said elsewhere\n",
        f"{SITE}/Some_Thing-1.2.dist-info/METADATA": (
            "Name: Some.Thing\nVersion: 1.2\nLicense-Expression: MIT OR ISC\n"
        ),
        f"{SITE}/Some_Thing-1.2.dist-info/sboms/rust.cdx.json": "{}",
        f"{SITE}/other/_vendor/wheel-0.46.dist-info/METADATA": (
            "Name: wheel\nVersion: 0.46\nClassifier: License :: OSI Approved :: BSD License\n\n"
            "License: not this\n"
        ),
    }
    for name, content in files.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    return tmp_path


def document(root: Path, image: bill.Identity = IMAGE) -> dict[str, Any]:
    written = bill.document(image, inventory.read(root), LOCKED, "it.txt sha256:1")
    found: dict[str, Any] = json.loads(written)
    return found


def test_everything_that_is_installed_is_in_it_and_nothing_else(root: Path) -> None:
    parts = document(root)["components"]
    assert sorted(one.get("purl", one["name"]) for one in parts) == [
        "debian",
        "pkg:deb/debian/libc6@2.36-9?arch=amd64&distro=debian-12&upstream=glibc%402.36-9",
        "pkg:deb/debian/libgcc-s1@12.2.0-14%2Bb1?arch=amd64&distro=debian-12&upstream=gcc-12%4012.2.0-14",
        "pkg:pypi/some-thing@1.2",
        "pkg:pypi/wheel@0.46",
    ]


def test_licences_are_what_the_packages_say(root: Path) -> None:
    found = {one["name"]: one.get("licenses") for one in document(root)["components"]}
    assert found == {
        "debian": None,
        "libc6": [
            {"license": {"id": "LGPL-2.1-or-later"}},
            {"license": {"id": "MIT"}},
            {"license": {"name": "GPL-3+ with Bison exception"}},
        ],
        "libgcc-s1": None,  # No program can read its file.
        "some-thing": [{"expression": "MIT OR ISC"}],
        "wheel": [{"license": {"name": "BSD License"}}],
    }


def test_the_locked_hashes_and_the_parts_inside_are_told(root: Path) -> None:
    found = {one["name"]: one.get("properties") for one in document(root)["components"]}
    folder = f"{SITE}/Some_Thing-1.2.dist-info"
    assert found["some-thing"] == [
        {"name": "paddlemodel:folder", "value": folder},
        {"name": "paddlemodel:locked-hash", "value": HASHES[0]},
        {"name": "paddlemodel:locked-hash", "value": HASHES[1]},
        {"name": "paddlemodel:parts", "value": f"{folder}/sboms/rust.cdx.json"},
    ]


def test_it_is_of_this_image_and_the_same_each_time(root: Path) -> None:
    first = document(root)
    assert first == document(root)
    assert first["metadata"]["timestamp"] == "2026-12-01T00:00:00+00:00"
    subject = first["metadata"]["component"]
    assert (subject["group"], subject["name"], subject["version"]) == ("docker.io/me", "it", "1-cpu")
    other = document(root, replace(IMAGE, digest=f"sha256:{'b' * 64}"))
    assert other["serialNumber"] != first["serialNumber"]


def test_it_is_valid_by_the_standard_s_schema(root: Path) -> None:
    written = json.dumps(document(root))
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(written) is None
    broken = written.replace('"type": "library"', '"type": "book"')
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(broken) is not None


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("usr/lib/os-release", "is this the root of a Debian system"),
        ("var/lib/dpkg/status", "its list of packages was removed"),
        (f"{SITE}/Some_Thing-1.2.dist-info/METADATA", "Some_Thing-1.2.dist-info has no METADATA"),
    ],
)
def test_a_root_that_hides_what_it_holds_is_refused(root: Path, missing: str, said: str) -> None:
    (root / missing).unlink()
    with pytest.raises(ReleaseError, match=said):
        inventory.read(root)


def test_a_lock_of_other_versions_is_refused(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its hashes are of files that were not installed."""

    @contextmanager
    def mounted(_: Path) -> Iterator[Path]:
        yield root

    monkeypatch.setattr(image, "identity", lambda _: IMAGE)
    monkeypatch.setattr("devcluster.builders.images.mounted", mounted)
    lock = tmp_path / "it.txt"
    lock.write_text(f"some-thing==1.2 \\\n    --hash={HASHES[0]}\n")
    assert HASHES[0] in image.list_of_parts(tmp_path / "it.tar", lock)
    lock.write_text(f"some-thing==1.3 \\\n    --hash={HASHES[0]}\n")
    with pytest.raises(ReleaseError, match=r"it.tar was not built from this it.txt: it has some-thing 1\.2"):
        image.list_of_parts(tmp_path / "it.tar", lock)


def test_what_is_no_image_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "it.tar"
    file.write_text("not a tar")
    with pytest.raises(ReleaseError, match="is no image in OCI's layout"):
        image.identity(file)
