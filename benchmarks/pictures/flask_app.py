"""A rival: Flask around PaddleDetection's Python for deployment, with the model's infer_cfg.yml.

What it does with a picture is deploy/python/preprocess.py and infer.py of PaddleDetection (commit 666f597),
class by class: decode, Resize, NormalizeImage, Permute, one predictor, all outputs, and the threshold.
"""

import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from flask import Flask, Response, jsonify, request

# Paddle has no types.
from paddle.inference import Config, create_predictor  # type: ignore[import-untyped,unused-ignore]

app = Flask(__name__)
folder = Path(os.environ["MODEL_DIR"])
config = yaml.safe_load((folder / "infer_cfg.yml").read_text())
program = next(path for path in folder.iterdir() if path.suffix in {".json", ".pdmodel"})
loaded = Config(str(program), str(program.with_suffix(".pdiparams")))
loaded.disable_gpu()
loaded.set_cpu_math_library_num_threads(1)
predictor = create_predictor(loaded)


def decode(body: bytes, info: dict[str, Any]) -> Any:
    data = np.frombuffer(body, dtype="uint8")
    im: Any = cv2.cvtColor(cv2.imdecode(data, 1), cv2.COLOR_BGR2RGB)  # type: ignore[arg-type]
    info["im_shape"] = np.array(im.shape[:2], dtype=np.float32)
    info["scale_factor"] = np.array([1.0, 1.0], dtype=np.float32)
    return im


def resize(im: Any, info: dict[str, Any], step: dict[str, Any]) -> Any:
    height, width = step["target_size"]
    scale_y, scale_x = height / im.shape[0], width / im.shape[1]
    im = cv2.resize(im, None, None, fx=scale_x, fy=scale_y, interpolation=step["interp"])
    info["im_shape"] = np.array(im.shape[:2]).astype("float32")
    info["scale_factor"] = np.array([scale_y, scale_x]).astype("float32")
    return im


def normalise(im: Any, step: dict[str, Any]) -> Any:
    im = im.astype(np.float32, copy=False)
    im *= 1.0 / 255.0
    if step["norm_type"] == "mean_std":
        im -= np.array(step["mean"])[np.newaxis, np.newaxis, :]
        im /= np.array(step["std"])[np.newaxis, np.newaxis, :]
    return im


def inputs(body: bytes) -> dict[str, Any]:
    info: dict[str, Any] = {}
    im = decode(body, info)
    for step in config["Preprocess"]:
        if step["type"] == "Resize":
            im = resize(im, info, step)
        elif step["type"] == "NormalizeImage":
            im = normalise(im, step)
        elif step["type"] == "Permute":
            im = im.transpose((2, 0, 1)).copy()
    return {"image": im[None], **{name: value[None] for name, value in info.items()}}


@app.post("/predict")
def predict() -> Response:
    given = inputs(request.get_data())
    for name in predictor.get_input_names():
        predictor.get_input_handle(name).copy_from_cpu(given[name])
    predictor.run()
    names = predictor.get_output_names()
    boxes = predictor.get_output_handle(names[0]).copy_to_cpu()
    predictor.get_output_handle(names[1]).copy_to_cpu()
    kept = boxes[(boxes[:, 1] > config["draw_threshold"]) & (boxes[:, 0] > -1)]
    return jsonify(kept.tolist())
