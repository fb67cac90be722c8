"""A model of any size."""

import subprocess
import sys
from pathlib import Path

_WIDTH = 125
_PROGRAM = """
import sys
import paddle
rows, width, goal = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
net = paddle.nn.Embedding(rows, width)
net.eval()
paddle.jit.save(net, goal, input_spec=[paddle.static.InputSpec([None, 1], "int64", name="x")])
"""


def embedding(folder: Path, megabytes: int) -> Path:
    """A table of so many megabytes, of which a request reads one row.

    A process of its own makes it: Paddle takes over the signals and logs of the one that imports it.

    Args:
        folder: is made.
        megabytes: of float32 parameters.

    Returns:
        The folder.
    """
    rows = megabytes * 1_000_000 // (4 * _WIDTH)
    command = [sys.executable, "-c", _PROGRAM, str(rows), str(_WIDTH), str(folder / "inference")]
    subprocess.run(command, check=True, capture_output=True)
    return folder
