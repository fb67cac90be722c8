"""Words spoken by Debian's espeak-ng, and models that were trained on them, here and on the processor.

The voices are synthetic, and so is what the models know: they show that serving is right, not that a person
is understood. `make test` runs `python -m tests.speech` first, which installs espeak-ng where it can.
The models are trained in a child process, as only a child may load Paddle, and kept in the user's cache.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from devcluster.builders import debian
from devcluster.errors import DevclusterError

_PACKAGE = {"espeak-ng": "espeak-ng"}


class NoVoiceError(Exception):
    """Why nothing can be spoken, and the cure."""


def executable() -> Path:
    """Where espeak-ng is; as root on Debian it is installed when it is missing.

    Raises:
        NoVoiceError: It is not here and cannot be installed.
    """
    found = shutil.which("espeak-ng")
    if found is None:
        if os.geteuid() != 0:
            raise NoVoiceError(
                "sounds are spoken by espeak-ng, which is not here: apt-get install espeak-ng, as root"
            )
        try:
            debian.install_missing(_PACKAGE)
        except DevclusterError as error:
            raise NoVoiceError(f"espeak-ng could not be installed: {error}") from error
        found = shutil.which("espeak-ng")
    if found is None:
        raise NoVoiceError("espeak-ng was installed, but is not on the PATH")
    return Path(found)


def spoken(text: str, voice: str = "en-us+m3", speed: int = 160, pitch: int = 50) -> bytes:
    """A WAV file of one channel with 22,050 samples a second, of 16 bits.

    Args:
        text: any.
        voice: one of `espeak-ng --voices`, and behind a plus one of its variants.
        speed: words a minute.
        pitch: 0 to 99.
    """
    command = [str(executable()), "-v", voice, "-s", str(speed), "-p", str(pitch), "--stdout", text]
    done = subprocess.run(command, capture_output=True, check=True)
    head = bytearray(done.stdout)  # it writes to a pipe, and does not know the sizes when it begins
    data = head.index(b"data")
    head[4:8] = (len(head) - 8).to_bytes(4, "little")
    head[data + 4 : data + 8] = (len(head) - data - 8).to_bytes(4, "little")
    return bytes(head)


if __name__ == "__main__":
    try:
        executable()
    except NoVoiceError as missing:
        sys.stderr.write(f"{missing}\n")
        sys.exit(1 if os.environ.get("CI") else 0)
