"""GPUs that do not exist, as a program sees real ones: the driver's library NVML, built here from `nvml.c`.

`gpus` and the device plugin bring it into containers, as NVIDIA's runtime brings the driver; the server's
tests load it directly. nvml.c says what can be set, also while a program runs. `simulated_gpu.py` goes along,
and lets Paddle's CPU build pose as one that computes on such a device.
"""

import subprocess
from pathlib import Path

from devcluster.builders import debian
from devcluster.errors import DevclusterError

LIBRARY = "libnvidia-ml.so.1"

#: What a container's site-packages need, so that Paddle takes part.
IN_PADDLE = ("simulated_gpu.pth", "simulated_gpu.py")

#: The C compiler, and the C library's headers, which gcc only recommends.
_NEEDS = {"cc": "gcc", "gencat": "libc6-dev"}


def build_nvml(folder: Path) -> Path:
    """Compile the simulated NVML into a folder; returns the library's path.

    Raises:
        DevclusterError: There is no C compiler and none could be installed, or it failed.
    """
    debian.install_missing(_NEEDS)
    library = folder / LIBRARY
    source = Path(__file__).with_name("nvml.c")
    words = ["cc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC", "-o", str(library)]
    done = subprocess.run([*words, str(source)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise DevclusterError(f"{source} does not compile:\n{done.stderr[-2000:]}")
    return library
