"""Builds the images from the repository's own Dockerfiles, without a container engine, and imports them.

The base is made of Debian packages by mmdebstrap; buildah runs the Dockerfiles; a finished image is
an archive in the cache, named by the hash of everything it was made from.
"""

import hashlib
import os
import re
import subprocess
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from devcluster import cluster
from devcluster.builders import debian, programs
from devcluster.errors import DevclusterError
from devcluster.locks import alone
from devcluster.nodes.node import PAUSE_IMAGE, Node
from devcluster.paths import REPOSITORY, State, cache
from devcluster.progress import Counter, say, step

_SUITE = "bookworm"
_BASE = f"localhost/devcluster/base:{_SUITE}-slim"
#: What nobody reads in a container: a third of the base.
_LEAVE_OUT = [
    '--aptopt=Acquire::Languages "none"',
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-include=/usr/share/doc/*/copyright",
]
_HOST_CA = Path("/etc/ssl/certs/ca-certificates.crt")


@dataclass(frozen=True)
class Image:
    """One of our images: `name` is what pods ask for, `inputs` every path its Dockerfile copies from."""

    name: str
    dockerfile: str
    inputs: tuple[str, ...]


def ours() -> list[Image]:
    """The operator's image and the CPU server's, tagged with the version of their distributions."""
    return [
        Image(
            f"docker.io/paddlemodel/operator:{_version('operator')}",
            "Dockerfile.operator",
            ("crds", "operator", "requirements/build.txt", "requirements/operator.txt"),
        ),
        Image(
            f"docker.io/paddlemodel/server:{_version('serving_image')}-cpu",
            "Dockerfile.serving",
            ("crds", "serving_image", "requirements/build.txt", "requirements/serving-cpu.txt"),
        ),
    ]


def build_all() -> list[Path]:
    """Build what changed; return the archives of all our images, and print their sizes."""
    with alone("image build"):
        return _build_all()


def _build_all() -> list[Path]:
    archives = []
    for image in ours():
        archive = _archive(image.name, image.dockerfile, *_files(image))
        if not archive.exists():
            with step(f"build {image.name} from {image.dockerfile}"):
                _build(image, archive)
        say(f"    {image.name}: {_megabytes(archive)}")
        archives.append(archive)
    return archives


def build_pause() -> list[Path]:
    """The image that holds a pod's namespaces: the base, asleep."""
    debian.require_root()
    debian.install_missing()
    archive = _archive(PAUSE_IMAGE, _SUITE, *_LEAVE_OUT)
    with alone("image build"):
        if not archive.exists():
            _make_pause(archive)
    return [archive]


def _make_pause(archive: Path) -> None:
    _ensure_base()
    with step("make the pause image"):
        container = _buildah("from", "--pull-never", _BASE).strip()
        _buildah("config", "--entrypoint", '["/bin/sleep", "infinity"]', container)
        _buildah("commit", "--rm", "--quiet", container, PAUSE_IMAGE)
        _push(PAUSE_IMAGE, archive)


def load(state: State, archives: list[Path]) -> None:
    """Import archives into every node's containerd, for its kubelet to find."""
    with ThreadPoolExecutor() as pool:
        for done in [pool.submit(_load, state, node, archives) for node in cluster.nodes(state)]:
            done.result()


def _load(state: State, node: Node, archives: list[Path]) -> None:
    for archive in archives:
        command = [programs.program("containerd", "ctr"), "-n", "k8s.io", "images", "import", str(archive)]
        inside = cluster.inside(state, *command, at=node)
        done = subprocess.run(inside, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise DevclusterError(
                f"importing {archive.name} on {node.name} failed: {done.stderr.strip()[-500:]}"
            )


@contextmanager
def mounted(archive: Path) -> Iterator[Path]:
    """The root of an image, to look at; its layers may be packed in a way that Python cannot read.

    Raises:
        DevclusterError: Not root, or it is no image.
    """
    debian.require_root()
    container = _buildah("from", "--quiet", f"oci-archive:{archive}").strip()
    try:
        yield Path(_buildah("mount", container).strip())
    finally:
        _buildah("rm", container)


def _version(distribution: str) -> str:
    content = tomllib.loads((REPOSITORY / distribution / "pyproject.toml").read_text())
    version: str = content["project"]["version"]
    return version


def _files(image: Image) -> Iterator[str]:
    """Paths and contents of everything the image is made from, in a stable order."""
    for entry in sorted((image.dockerfile, ".dockerignore", *image.inputs)):
        listing = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", entry],
            cwd=REPOSITORY, capture_output=True, text=True, check=True,
        )  # fmt: skip
        for name in sorted(listing.stdout.splitlines()):
            path = REPOSITORY / name
            if path.exists():
                yield f"{name} {oct(path.stat().st_mode)} {hashlib.sha256(path.read_bytes()).hexdigest()}"


def _archive(name: str, *made_from: str) -> Path:
    digest = hashlib.sha256("\n".join(made_from).encode()).hexdigest()[:12]
    return cache() / "images" / f"{re.sub('[^a-z0-9.]+', '-', name)}-{digest}.tar"


def _build(image: Image, archive: Path) -> None:
    """Run the Dockerfile; the steps are counted on the screen."""
    _ensure_base()
    command = [
        *_buildah_command(), "bud", "--isolation=chroot", "--pull-never", "--layers",
        f"--build-arg=BASE={_BASE}", *_host_settings(),
        f"--file={image.dockerfile}", f"--tag={image.name}", ".",
    ]  # fmt: skip
    lines: list[str] = []
    counter: Counter | None = None
    with subprocess.Popen(
        command,
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=_environment(),
    ) as process:
        for line in process.stdout or ():
            lines = [*lines[-40:], line]
            if found := re.match(r"(?:\[\d+/\d+\] )?STEP (\d+)/(\d+): (.*)", line):
                counter = counter or Counter(0)
                counter.total = int(found[2])
                counter.count = int(found[1]) - 1
                counter.advance(found[3])
    if counter:
        counter.end()
    if process.returncode != 0:
        raise DevclusterError(f"{image.dockerfile} failed:\n{''.join(lines)}")
    _push(image.name, archive)


def _push(name: str, archive: Path) -> None:
    archive.parent.mkdir(parents=True, exist_ok=True)
    unfinished = archive.with_suffix(".part")
    unfinished.unlink(missing_ok=True)
    _buildah("push", "--quiet", "--compression-format=zstd", name, f"oci-archive:{unfinished}:{name}")
    for old in archive.parent.glob(f"{archive.name.rsplit('-', 1)[0]}-*.tar"):
        old.unlink()
    unfinished.rename(archive)


def _ensure_base() -> None:
    if _buildah("images", "--quiet", "--filter", f"reference={_BASE}").strip():
        return
    tar = cache() / "images" / f"base-{_SUITE}.tar"
    tar.parent.mkdir(parents=True, exist_ok=True)
    with step(f"make the base image from Debian packages ({_SUITE}, about 40 s)"):
        command = ["mmdebstrap", "--quiet", "--variant=minbase", *_LEAVE_OUT, _SUITE, str(tar)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise DevclusterError(f"mmdebstrap failed: {done.stderr.strip()[-1000:]}")
        container = _buildah("from", "scratch").strip()
        _buildah("add", "--quiet", container, str(tar), "/")
        _buildah(
            "config", "--env", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", container
        )
        _buildah("commit", "--rm", "--quiet", container, _BASE)
        tar.unlink()


def _host_settings() -> list[str]:
    """Lend pip the host's proxy, mirror and authorities, for the build alone."""
    listing = subprocess.run(
        ["pip3", "config", "list"], capture_output=True, text=True, check=False, cwd="/"
    ).stdout
    settings = {}
    for line in listing.splitlines():
        key, _, value = line.partition("=")
        name = key.rsplit(".", 1)[-1]
        if name in ("index-url", "extra-index-url", "trusted-host", "proxy", "timeout", "default-timeout"):
            settings[name] = value.strip("'\"")
    mounts = []
    if _HOST_CA.exists():
        settings["cert"] = "/run/host-ca.crt"
        mounts.append(f"--volume={_HOST_CA}:/run/host-ca.crt:ro")
    file = cache() / "pip.conf"
    file.write_text("[global]\n" + "".join(f"{key} = {value}\n" for key, value in settings.items()))
    return [*mounts, f"--volume={file}:/etc/pip.conf:ro"]


def _buildah_command() -> list[str]:
    store = cache() / "containers"
    return ["buildah", f"--root={store}", f"--runroot={store}-run"]


def _environment() -> dict[str, str]:
    return os.environ | {"STORAGE_DRIVER": "overlay", "BUILDAH_FORMAT": "oci"}


def _buildah(*words: str) -> str:
    done = subprocess.run(
        [*_buildah_command(), *words], capture_output=True, text=True, check=False, env=_environment()
    )
    if done.returncode != 0:
        raise DevclusterError(f"buildah {words[0]} failed: {done.stderr.strip()[-1000:]}")
    return done.stdout


def _megabytes(archive: Path) -> str:
    return f"{archive.stat().st_size / 1e6:.0f} MB packed"
