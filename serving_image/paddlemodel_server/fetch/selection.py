"""Which of the files that lie there belong to a model, and whether their names can be trusted. Pure.

Stores hold whatever people have put there, and a listing is somebody's word: nothing of it becomes a path on
our disk before it was looked at.
"""

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from paddlemodel_server.errors import StartError
from paddlemodel_server.fetch.sources.source import File, Listing
from paddlemodel_server.model.files import printable

MAX_FILES = 10_000

WANTED = (
    "*.pdmodel",  # programs, parameters, and the names of PIR's parameters
    "*.pdiparams",
    "*.pdiparams.info",
    "*.json",  # programs, too; configurations, labels, vocabularies
    "*.yml",
    "*.yaml",
    "*.txt",
    "*.dict",
    "*.dic",
    "*.model",  # SentencePiece
    "vocab*",
    "tokenizer*",
    "labels*",
    "verify*.jsonl",  # recorded requests
    "verify*.jsonl.gz",
    "handler.py",
)
"""What is brought of a folder in a store, by name."""
UNWANTED = (".*", "*.safetensors", "*.safetensors.index.json", "*.md")
"""What is left there nevertheless."""

_LONGEST_PART, _LONGEST_PATH = 255, 2000  # bytes
_SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What is brought, and what is not."""

    listing: Listing
    skipped: Sequence[str] = ()


def chosen(listing: Listing, *, on_disk: bool = False) -> Chosen:
    """The files of a listing that a model needs; all where the place holds nothing else.

    Args:
        listing: of any source.
        on_disk: whether the names are those of a mounted file system, and so are possible ones.

    Raises:
        StartError: `UnsafeListing`, `TooManyFiles`, `SeveralModels`, `NoModel`.
    """
    if listing.is_file:
        return Chosen(listing=listing)
    if not on_disk:
        _check_names(listing.files)
    if listing.everything:
        return Chosen(listing=listing)
    folder = _model_folder([PurePosixPath(file.path) for file in listing.files])
    kept = [file for file in listing.files if _belongs(PurePosixPath(file.path), folder)]
    names = {file.path for file in kept}
    return Chosen(
        listing=replace(listing, files=kept),
        skipped=[file.path for file in listing.files if file.path not in names],
    )


def _belongs(path: PurePosixPath, folder: PurePosixPath) -> bool:
    def matches(patterns: Sequence[str]) -> bool:
        return any(fnmatchcase(path.name, pattern) for pattern in patterns)

    hidden = any(part.startswith((".", "__MACOSX")) for part in path.parts)
    return path.is_relative_to(folder) and matches(WANTED) and not matches(UNWANTED) and not hidden


def _model_folder(paths: Sequence[PurePosixPath]) -> PurePosixPath:
    """The folder of the one model, so far as names tell."""
    params = {path.with_suffix("") for path in paths if path.suffix == ".pdiparams"}
    programs = {path.with_suffix("") for path in paths if path.suffix in {".json", ".pdmodel"}}
    whole = sorted({str(path.parent) for path in params & programs})
    if len(whole) > 1:
        more = f" and {len(whole) - _SHOWN} more" if len(whole) > _SHOWN else ""
        raise StartError(
            "SeveralModels",
            f"There are models in {', '.join(map(printable, whole[:_SHOWN]))}{more}; name one of them in the "
            "URI.",
        )
    if whole:
        return PurePosixPath(whole[0])
    if not params and not any(path.suffix == ".pdmodel" for path in paths):
        seen = ", ".join(printable(str(path)) for path in paths[:_SHOWN])
        raise StartError(
            "NoModel",
            f"No .json or .pdmodel program with its .pdiparams was found, only {seen}; "
            "export the model with paddle.jit.save, or correct the URI.",
        )
    return PurePosixPath()  # half a model: model.files says which half is missing


def _check_names(found: Sequence[File]) -> None:
    if len(found) > MAX_FILES:
        raise too_many()
    for file in found:
        _check_name(file.path)
    alike = Counter(_folded(file.path) for file in found)
    if twice := next((file.path for file in found if alike[_folded(file.path)] > 1), None):
        raise StartError(
            "UnsafeListing",
            f"{printable(twice)} is there more than once, but for case or Unicode form; rename one of them.",
        )
    _check_folders([file.path for file in found])


def _check_folders(paths: Sequence[str]) -> None:
    """No file may have the name of a folder."""
    names = {_folded(path) for path in paths}
    for path in paths:
        for parent in PurePosixPath(_folded(path)).parents:
            if str(parent) in names:
                raise StartError(
                    "UnsafeListing", f"{printable(path)} lies below a file of the same name; rename one."
                )


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def _check_name(path: str) -> None:
    parts = path.split("/")
    control = any(unicodedata.category(char) in {"Cc", "Cs"} for char in path)
    climbs = any(part in {"", ".", ".."} for part in parts)
    raw = path.encode(errors="surrogatepass")
    long = len(raw) > _LONGEST_PATH or any(
        len(p.encode(errors="surrogatepass")) > _LONGEST_PART for p in parts
    )
    if control or climbs or long:
        raise unsafe(path)


def unsafe(path: str) -> StartError:
    """The refusal of a name that no file of ours may have."""
    return StartError(
        "UnsafeListing",
        f"The place lists {printable(path)}, which leaves its folder or no file can have; rename it there.",
    )


def too_many() -> StartError:
    """The refusal of a listing that does not end."""
    return StartError(
        "TooManyFiles",
        f"There are more than {MAX_FILES} files; name the folder of the model alone in the URI.",
    )
