"""A program for the peers' environment: asks a server through MLServer's codecs, prints what they understood.

.venv-peers/bin/python tests/serving_image/support/clients/mlserver_client.py http://127.0.0.1:8080 pair
"""

import json
import sys
from typing import Any

X, COUNT = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.5]], [[10], [2**20]]


def expected(names: list[str]) -> dict[str, Any]:
    """What the codecs must have understood of the model `pair`, whose outputs have these names."""
    total = [[2.0 * v + count for v in row] for row, (count,) in zip(X, COUNT, strict=True)]
    arrays = {names[0]: ["float32", total], names[1]: ["int64", [[2 * count] for (count,) in COUNT]]}
    return {
        "all": {"model": "pair", "id": "seven", "arrays": arrays},
        "one": {"model": "pair", "id": "seven", "arrays": {names[1]: arrays[names[1]]}},
        "refused": [400, True],
    }


def ask(url: str, name: str) -> dict[str, Any]:
    # Imported here: the test imports this file, too, and its environment has no MLServer.
    import httpx  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415
    from mlserver.codecs import NumpyCodec, StringCodec  # type: ignore[import-not-found]  # noqa: PLC0415
    from mlserver.types import (  # type: ignore[import-not-found]  # noqa: PLC0415
        InferenceRequest,
        InferenceResponse,
        MetadataModelResponse,
        Parameters,
        RequestOutput,
    )

    described = MetadataModelResponse.model_validate(httpx.get(f"{url}/v2/models/{name}").json())
    inputs = [
        NumpyCodec.encode_input("x", np.array(X, np.float32)),
        NumpyCodec.encode_input("count", np.array(COUNT, np.int64)),
    ]
    as_arrays = Parameters(content_type="np")
    last = RequestOutput(name=described.outputs[1].name, parameters=as_arrays)

    def post(request: Any) -> Any:
        # As pydantic writes it: with null for each field that nobody set.
        return httpx.post(
            f"{url}/v2/models/{name}/infer", content=json.dumps(request.model_dump(mode="json"))
        )

    answers: dict[str, Any] = {}
    for form, outputs in (("all", None), ("one", [last])):
        answer = post(InferenceRequest(id="seven", inputs=inputs, outputs=outputs, parameters=as_arrays))
        response = InferenceResponse.model_validate(answer.raise_for_status().json())
        arrays = {output.name: NumpyCodec.decode_output(output) for output in response.outputs}
        answers[form] = {
            "model": response.model_name,
            "id": response.id,
            "arrays": {key: [array.dtype.name, array.tolist()] for key, array in arrays.items()},
        }
    answer = post(InferenceRequest(inputs=[StringCodec.encode_input("x", ["text"])]))
    answers["refused"] = [answer.status_code, "FP32" in answer.json()["error"]]
    return answers


if __name__ == "__main__":
    print(json.dumps(ask(*sys.argv[1:])))
