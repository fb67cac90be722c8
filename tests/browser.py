"""A real browser for the tests of the server's page: Debian's Chromium, driven by Playwright.

`make test` runs `python -m tests.browser` first, which installs it where that is possible.
"""

import os
import shutil
import sys
from pathlib import Path

from devcluster.builders import debian
from devcluster.errors import DevclusterError

_PACKAGE = {"chromium": "chromium"}  # it brings a font with it
_NAMES = ("chromium", "chromium-browser", "google-chrome")


class NoBrowserError(Exception):
    """Why there is none, and the cure."""


def executable() -> Path:
    """Where Chromium is; as root on Debian it is installed when it is missing.

    Raises:
        NoBrowserError: It is not here and cannot be installed.
    """
    found = _found()
    if found is None:
        if os.geteuid() != 0:
            raise NoBrowserError(
                "the page is tested in Chromium, which is not here: apt-get install chromium, as root"
            )
        try:
            debian.install_missing(_PACKAGE)
        except DevclusterError as error:
            raise NoBrowserError(f"Chromium could not be installed: {error}") from error
        found = _found()
    if found is None:
        raise NoBrowserError("Chromium was installed, but is not on the PATH")
    return Path(found)


def _found() -> str | None:
    return next(filter(None, map(shutil.which, _NAMES)), None)


if __name__ == "__main__":
    try:
        executable()
    except NoBrowserError as missing:
        sys.stderr.write(f"{missing}\n")
        sys.exit(1 if os.environ.get("CI") else 0)
