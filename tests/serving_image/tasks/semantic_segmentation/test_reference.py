"""Masks are those of PaddleSeg's own steps, with a net whose export ends as PaddleSeg lets it end."""

import io
from typing import Any

import numpy as np
import pytest
from paddlemodel_server.model import files, signature
from paddlemodel_server.protocol.served import Place, Served
from paddlemodel_server.tasks import reducers, registry
from paddlemodel_server.tasks.auto.found import Beside
from PIL import Image

from tests import bare_predictor
from tests.serving_image.support.models.trained_masks import (
    SIDE,
    finished,
    masked,
    prepared,
    segmentation,
)
from tests.serving_image.support.models.trained_shapes import encoded

# Of one shape once they are inputs, so that they are one run of the bare predictor.
PICTURES = {
    "argmax": [(50, 70)] * 6,
    "logits": [(64, 64), (90, 120), (200, 75), (31, 33), (96, 96), (40, 300)],
}


def fitted(name: str) -> tuple[Any, Served]:
    folder = segmentation(name)
    model = signature.read(files.locate(folder))
    chosen = registry.settled(registry.read('{"auto":{}}'), Beside(folder=folder, model=model))
    task = registry.fit(chosen, Place(model=model, folder=folder))
    return task, Served(name="m", model=model, task=task, max_request_bytes=1)


@pytest.mark.parametrize("name", PICTURES)
def test_the_mask_is_the_reference_s(name: str) -> None:
    """Each pixel where pictures keep their size; else uint8 and float32 scale some of them otherwise."""
    task, served = fitted(name)
    seen = [masked(50_000 + seed, *size) for seed, size in enumerate(PICTURES[name])]
    requests = [task.request(encoded(picture)) for picture, _ in seen]
    wanted = [prepared(name, picture) for picture, _ in seen]
    for request, array in zip(requests, wanted, strict=True):
        np.testing.assert_allclose(request.arrays[0], array, atol=1e-5 if name == "argmax" else 0.02)
    (outputs,) = bare_predictor.predict(
        segmentation(name), {"x": np.concatenate(wanted)}, onednn=False
    ).values()
    (ours,) = bare_predictor.predict(
        segmentation(name), {"x": np.concatenate([r.arrays[0] for r in requests])}, onednn=False
    ).values()
    equal, right = [], []
    for at, (picture, truth) in enumerate(seen):
        row = ours[at : at + 1]
        reduced = reducers.reducer(task.warm_up.reduction, served.model)([row])
        requests[at].media = "image/png"
        answer = np.asarray(Image.open(io.BytesIO(task.render(served, requests[at], reduced).body)))
        equal.append(float((answer == finished(name, outputs[at : at + 1], picture)).mean()))
        right.append(overlap(answer, truth))
    assert min(equal) == 1 if name == "argmax" else min(equal) >= 0.999
    assert min(right) >= 0.8  # the reference's own masks of so small a net are no better


def overlap(mask: np.ndarray[Any, Any], truth: np.ndarray[Any, Any]) -> float:
    """The mean over the classes that were drawn of intersection over union."""
    there = [(mask == kind, truth == kind) for kind in np.unique(truth)]
    return float(np.mean([(a & b).sum() / (a | b).sum() for a, b in there]))


def test_a_picture_that_is_stretched_is_prepared_as_the_reference_does() -> None:
    task, _ = fitted("softmax")
    picture, _ = masked(7, 90, 50)
    array = task.request(encoded(picture)).arrays[0]
    assert array.shape == (1, 3, SIDE, SIDE)
    np.testing.assert_allclose(array, prepared("softmax", picture), atol=0.02)  # a half of 1/255, over std
