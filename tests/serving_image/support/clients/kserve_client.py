"""A program for the peers' environment: asks a server of `pair` through KServe's SDK, prints what it got.

.venv-peers/bin/python tests/serving_image/support/clients/kserve_client.py http://127.0.0.1:8080 pair
"""

import asyncio
import json
import sys
from typing import Any

X, COUNT = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.5]], [[10], [2**20]]

REFUSED = "has shape [1,1]; expected [-1, 3]"


def expected(names: list[str]) -> dict[str, Any]:
    """What the SDK must have understood of the model `pair`, whose outputs have these names."""
    total = [[2.0 * v + count for v in row] for row, (count,) in zip(X, COUNT, strict=True)]
    double = [[2 * count] for (count,) in COUNT]
    answer = {
        "id": "seven",
        "model": "pair",
        "outputs": [[names[0], "FP32", [2, 3], total], [names[1], "INT64", [2, 1], double]],
    }
    rows = [dict(zip(names, row, strict=True)) for row in zip(total, double, strict=True)]
    columns = dict(zip(names, (total, double), strict=True))
    return {
        "v1": {
            "live": True,
            "ready": True,
            "instances": {"predictions": rows},
            "inputs": {"predictions": columns},
            "refused": REFUSED,
        },
        "v2": {
            "live": True,
            "server": True,
            "ready": True,
            "other": False,
            "json": answer,
            "binary": answer,
            "refused": REFUSED,
        },
    }


async def ask(url: str, name: str) -> dict[str, Any]:
    # Imported here: the test imports this file, too, and its environment has no kserve.
    import httpx  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415
    from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig  # type: ignore[import-not-found]  # noqa: PLC0415

    answers: dict[str, Any] = {}
    async with InferenceRESTClient(RESTConfig(protocol="v1")) as v1:
        answers["v1"] = {"live": await v1.is_server_live(url), "ready": await v1.is_model_ready(url, name)}
        rows = [{"x": x, "count": count} for x, count in zip(X, COUNT, strict=True)]
        answers["v1"]["instances"] = await v1.infer(url, {"instances": rows}, model_name=name)
        answers["v1"]["inputs"] = await v1.infer(url, {"inputs": {"x": X, "count": COUNT}}, model_name=name)
        try:
            await v1.infer(url, {"instances": [{"x": [1.0], "count": [1]}]}, model_name=name)
        except httpx.HTTPStatusError as error:
            answers["v1"]["refused"] = REFUSED if REFUSED in str(error) else str(error)
    async with InferenceRESTClient(RESTConfig(protocol="v2")) as v2:
        answers["v2"] = {
            "live": await v2.is_server_live(url),
            "server": await v2.is_server_ready(url),
            "ready": await v2.is_model_ready(url, name),
            "other": await v2.is_model_ready(url, "other"),
        }
        for form, binary in (("json", False), ("binary", True)):
            tensors = [InferInput("x", [2, 3], "FP32"), InferInput("count", [2, 1], "INT64")]
            tensors[0].set_data_from_numpy(np.array(X, np.float32), binary_data=binary)
            tensors[1].set_data_from_numpy(np.array(COUNT, np.int64), binary_data=binary)
            answer = await v2.infer(
                url,
                InferRequest(name, infer_inputs=tensors, request_id="seven", model_version="1"),
                model_name=name,
            )
            answers["v2"][form] = {
                "id": answer.id,
                "model": answer.model_name,
                "outputs": [[o.name, o.datatype, o.shape, o.as_numpy().tolist()] for o in answer.outputs],
            }
        wrong = InferInput("x", [1, 1], "FP32")
        wrong.set_data_from_numpy(np.ones((1, 1), np.float32), binary_data=True)
        try:
            await v2.infer(url, InferRequest(name, infer_inputs=[wrong]), model_name=name)
        except httpx.HTTPStatusError as error:
            answers["v2"]["refused"] = REFUSED if REFUSED in str(error) else str(error)
    return answers


if __name__ == "__main__":
    print(json.dumps(asyncio.run(ask(*sys.argv[1:]))))
