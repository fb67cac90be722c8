"""Asks PaddleX for the structure of drawn tables; paddlex_tables.json keeps its answers.

    python paddlex_tables.py FOLDER_SLANET_PLUS FOLDER_SLANET FILE FOLDER_TABLES

It runs as paddlex_text.py beside it does. Both folders have the same net; only by its name PaddleX decides
what the corners are a share of.
"""

import importlib.metadata
import json
import os
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

os.environ["PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK"] = "True"


def main(plus: str, plain: str, goal: str, folder: str) -> None:
    import cv2  # noqa: PLC0415 - of the environment of its own, as paddlex
    import numpy as np  # noqa: PLC0415
    from paddlex import create_model  # type: ignore[import-not-found]  # noqa: PLC0415

    how: dict[str, Any] = {
        "engine": "paddle_static",
        "engine_config": {"run_mode": "paddle"},
        "device": "cpu",
    }
    tables = [file.read_bytes() for file in sorted(Path(folder).iterdir())]
    kept: dict[str, Any] = {
        "paddlex": importlib.metadata.version("paddlex"),
        "drawn": sha256(b"".join(tables)).hexdigest(),
    }
    for name, model in (("SLANet_plus", plus), ("SLANet", plain)):
        asked = create_model(model_name=name, model_dir=model, **how)
        kept[name] = []
        for table in tables if name == "SLANet_plus" else tables[:2]:
            pixels = cv2.imdecode(np.frombuffer(table, np.uint8), cv2.IMREAD_COLOR)
            (answer,) = asked.predict(pixels, batch_size=1)
            found = answer.json["res"]
            score = float(answer["structure_score"]) if "structure_score" in answer else None
            html = "".join(found["structure"])
            kept[name].append({"html": html, "boxes": found["bbox"], "score": score})
    text = json.dumps(kept, ensure_ascii=False, separators=(",", ":"))
    Path(goal).write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
