"""`python -m release`: the list of parts of an image, and everything that a release consists of."""

import argparse
import shutil
import sys
from pathlib import Path

from devcluster.builders import images
from devcluster.errors import DevclusterError
from devcluster.paths import REPOSITORY
from devcluster.progress import say
from release import image, steps
from release.errors import ReleaseError


def main(words: list[str]) -> int:
    """Run one command; a wrong state of the checkout is one sentence and exit code 2."""
    arguments = _parser().parse_args(words)
    try:
        arguments.run(arguments)
    except (ReleaseError, DevclusterError) as error:
        sys.stderr.write(f"release: {error}\n")
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m release", description=__doc__)
    commands = parser.add_subparsers(required=True)
    whole = commands.add_parser("make", help="make everything that a version is released with; push nothing")
    whole.add_argument("version", help="such as 0.2.0")
    whole.add_argument(
        "--dry-run", action="store_true", help="make it all; no commit and no tag in this checkout"
    )
    whole.add_argument("--into", type=Path, help="a new folder (default: build/release/VERSION)")
    whole.add_argument("--without-images", action="store_true", help="they need root, and minutes")
    whole.set_defaults(run=_make)
    parts = commands.add_parser("sbom", help="write an image's list of parts, in CycloneDX's JSON")
    parts.add_argument("archive", nargs="*", type=Path, help="OCI archives (default: build both images)")
    parts.add_argument("--into", type=Path, default=Path("build/sbom"), help="a folder (default: build/sbom)")
    parts.set_defaults(run=_sbom)
    both = commands.add_parser("images", help="build both images, as OCI archives with their lists of parts")
    both.add_argument("--into", type=Path, required=True, help="a folder")
    both.set_defaults(run=_images)
    return parser


def _make(arguments: argparse.Namespace) -> None:
    into = (arguments.into or Path("build/release", arguments.version)).resolve()
    wanted = steps.Wanted(
        root=Path.cwd(),
        version=arguments.version,
        into=into,
        dry_run=arguments.dry_run,
        images=not arguments.without_images,
    )
    steps.make(wanted)
    say(
        f"{into} holds {arguments.version}; nothing is pushed. "
        + ("This was a dry run." if wanted.dry_run else "")
    )
    say("To publish it, with REGISTRY as the place of images and chart:")
    for line in steps.commands(wanted):
        say(f"  {line}")


def _sbom(arguments: argparse.Namespace) -> None:
    for archive in arguments.archive or images.build_all():
        written = write_parts(archive, arguments.into)
        say(f"{written}: what is in {archive.name}")


def _images(arguments: argparse.Namespace) -> None:
    for archive in images.build_all():
        write_parts(archive, arguments.into)
        name = image.file_name(image.identity(archive).name)
        shutil.copy(archive, arguments.into / f"{name}.oci.tar")


def write_parts(archive: Path, folder: Path) -> Path:
    """Write the list of parts of one of our images into a folder, and return its path."""
    name = image.identity(archive).name
    known = {one.name: one for one in images.ours()}
    if name not in known:
        raise ReleaseError(f"{archive} is {name}, which is none of ours here: {', '.join(known)}")
    lock = REPOSITORY / next(
        path for path in known[name].inputs if path.startswith("requirements/") and "build" not in path
    )
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{image.file_name(name)}.cdx.json"
    file.write_text(image.list_of_parts(archive, lock))
    return file


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
