"""Reads a page with two models: one finds its lines, the other one reads them all in one request.

    python examples/read_page.py page.jpg http://127.0.0.1:8001 http://127.0.0.1:8002

The first address is that of a model with the task textDetection, the second one is that of a textRecognition;
see text-detection.yaml and text-recognition.yaml beside this. It needs Pillow, and nothing of PaddleModel.
"""

import io
import json
import math
import secrets
import sys
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from PIL import Image, ImageOps

BOUNDARY = secrets.token_hex(16)
MOST = 64  # parts of one request


def main(page: str, finder: str, reader: str) -> None:
    """Print the lines of a page, as it is read."""
    body = Path(page).read_bytes()
    found = post(f"{finder}/predict", body, "application/octet-stream")["lines"]
    picture = ImageOps.exif_transpose(Image.open(io.BytesIO(body))).convert("RGB")
    for start in range(0, len(found), MOST):
        lines = [cut(picture, line["box"]) for line in found[start : start + MOST]]
        for result in post(f"{reader}/predict", form(lines), f"multipart/form-data; boundary={BOUNDARY}")[
            "results"
        ]:
            sys.stdout.write(result.get("text", f"({result.get('error')})") + "\n")


def cut(picture: Image.Image, box: list[list[int]]) -> bytes:
    """The line inside of a polygon, straightened, as PNG; one that stands upright is laid down."""
    top_left, top_right, low_right, low_left = box
    width = round(max(math.dist(top_left, top_right), math.dist(low_left, low_right), 1))
    height = round(max(math.dist(top_left, low_left), math.dist(top_right, low_right), 1))
    corners = (*top_left, *low_left, *low_right, *top_right)
    line = picture.transform((width, height), Image.Transform.QUAD, corners, Image.Resampling.BICUBIC)
    if height >= 1.5 * width:
        line = line.transpose(Image.Transpose.ROTATE_90)
    content = io.BytesIO()
    line.save(content, "PNG")
    return content.getvalue()


def form(files: list[bytes]) -> bytes:
    """Files as parts of multipart/form-data."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="line.png"\r\n\r\n'
    return b"".join([head.encode() + file + b"\r\n" for file in files]) + f"--{BOUNDARY}--\r\n".encode()


def post(url: str, body: bytes, kind: str) -> Any:
    """The answer to a body, as JSON."""
    with urlopen(Request(url, body, {"Content-Type": kind}), timeout=120) as answer:
        return json.load(answer)


if __name__ == "__main__":
    main(*sys.argv[1:])
