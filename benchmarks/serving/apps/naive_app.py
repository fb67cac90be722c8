"""A rival: what a tutorial on serving a Paddle model with Flask and gunicorn arrives at."""

import os
from pathlib import Path

import cv2
import numpy as np
from flask import Flask, Response, jsonify, request
from numpy.typing import NDArray

# Paddle has no types.
from paddle.inference import Config, create_predictor  # type: ignore[import-untyped,unused-ignore]

app = Flask(__name__)
folder = Path(os.environ["MODEL_DIR"])
program = next(path for path in folder.iterdir() if path.suffix in {".json", ".pdmodel"})
predictor = create_predictor(Config(str(program), str(program.with_suffix(".pdiparams"))))


def run(tensor: NDArray[np.float32]) -> NDArray[np.float32]:
    handle = predictor.get_input_handle(predictor.get_input_names()[0])
    handle.copy_from_cpu(tensor)
    predictor.run()
    result: NDArray[np.float32] = predictor.get_output_handle(predictor.get_output_names()[0]).copy_to_cpu()
    return result


@app.post("/tensor")
def tensor() -> Response:
    return jsonify({"prediction": run(np.array(request.get_json()["data"], dtype="float32")).tolist()})


@app.post("/raw")
def raw() -> Response:
    answer = run(np.frombuffer(request.get_data(), "float32").reshape(1, 3, 224, 224))
    return Response(answer.tobytes(), content_type="application/octet-stream")


@app.post("/image")
def image() -> Response:
    picture = cv2.imdecode(np.frombuffer(request.get_data(), np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    scaled = cv2.cvtColor(cv2.resize(picture, (224, 224)), cv2.COLOR_BGR2RGB).astype("float32") / 255
    scores = run(np.ascontiguousarray(((scaled - 0.5) / 0.5).transpose(2, 0, 1)[None]))[0]
    return jsonify({"class_id": int(scores.argmax()), "score": float(scores.max())})
