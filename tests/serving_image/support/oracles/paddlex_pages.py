"""Asks PaddleX's pipeline OCR what it reads in pages; paddlex_pages.json keeps its answers.

    python paddlex_pages.py FOLDER_DET FOLDER_REC FILE FOLDER_PAGES LINES

It runs as paddlex_text.py beside it does, with the pipeline's own settings, but for what would need further
models (the page's turn, its unwarping, and the turn of lines), and but for how many LINES are read at once.
The pipeline has six, and pads each to the widest of them; with one, a line is as wide as it is.
"""

import importlib.metadata
import json
import os
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

os.environ["PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK"] = "True"


def main(detector: str, recogniser: str, goal: str, folder: str, lines: str) -> None:
    import cv2  # noqa: PLC0415 - of the environment of its own, as paddlex
    import numpy as np  # noqa: PLC0415
    from paddlex import create_pipeline  # type: ignore[import-not-found]  # noqa: PLC0415

    how: dict[str, Any] = {
        "engine": "paddle_static",
        "engine_config": {"run_mode": "paddle"},
        "device": "cpu",
    }
    pipeline = create_pipeline(config=configuration(detector, recogniser, int(lines)), **how)
    pages = [file.read_bytes() for file in sorted(Path(folder).iterdir())]
    found = []
    for page in pages:
        pixels = cv2.imdecode(np.frombuffer(page, np.uint8), cv2.IMREAD_COLOR)
        (answer,) = pipeline.predict(pixels)
        found.append(answer.json["res"])
    kept = {
        "paddlex": importlib.metadata.version("paddlex"),
        "drawn": sha256(b"".join(pages)).hexdigest(),
        "pages": [
            {"texts": one["rec_texts"], "scores": one["rec_scores"], "boxes": one["rec_polys"]}
            for one in found
        ],
    }
    text = json.dumps(kept, ensure_ascii=False, separators=(",", ":"))
    Path(goal).write_text(f"{text}\n", encoding="utf-8")


def configuration(detector: str, recogniser: str, lines: int) -> dict[str, Any]:
    """That of paddlex/configs/pipelines/OCR.yaml, for these models."""
    finding = {
        "module_name": "text_detection",
        "model_name": "PP-OCRv5_mobile_det",
        "model_dir": detector,
        "limit_side_len": 64,
        "limit_type": "min",
        "max_side_limit": 4000,
        "thresh": 0.3,
        "box_thresh": 0.6,
        "unclip_ratio": 1.5,
    }
    reading = {
        "module_name": "text_recognition",
        "model_name": "PP-OCRv5_mobile_rec",
        "model_dir": recogniser,
        "batch_size": lines,
        "score_thresh": 0.0,
    }
    return {
        "pipeline_name": "OCR",
        "text_type": "general",
        "use_doc_preprocessor": False,
        "use_textline_orientation": False,
        "SubModules": {"TextDetection": finding, "TextRecognition": reading},
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
