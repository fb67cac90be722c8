"""A peer: KServe's paddleserver, which is not on the package index, on kserve, which is.

`PaddleModel` does what python/paddleserver/paddleserver/model.py of kserve/kserve does (at commit aaac4e2):
the default Config, one predictor, the first input and output, float32, `get_predict_input` and
`get_predict_response`. Left out is only the download. It runs in the peers' environment with our Paddle.
"""

import os
import site
from pathlib import Path
from typing import Any

site.addsitedir(os.environ["BENCH_SITE"])

import kserve  # type: ignore[import-not-found,import-untyped,unused-ignore]  # in the peers' environment
import numpy as np
from kserve.errors import InferenceError  # type: ignore[import-not-found,import-untyped,unused-ignore]
from kserve.utils.utils import (  # type: ignore[import-not-found,import-untyped,unused-ignore]
    get_predict_input,
    get_predict_response,
)
from paddle import inference  # type: ignore[import-untyped,unused-ignore]


class PaddleModel(kserve.Model):  # type: ignore[misc,unused-ignore]  # kserve is not in our environment
    def __init__(self, name: str, folder: Path) -> None:
        super().__init__(name)
        program = next(path for path in folder.iterdir() if path.suffix in {".json", ".pdmodel"})
        config = inference.Config(str(program), str(program.with_suffix(".pdiparams")))
        config.disable_gpu()
        self.predictor = inference.create_predictor(config)
        self.input_tensor = self.predictor.get_input_handle(self.predictor.get_input_names()[0])
        self.output_tensor = self.predictor.get_output_handle(self.predictor.get_output_names()[0])
        self.ready = True

    def predict(self, payload: Any, headers: dict[str, str] | None = None, *_: Any) -> Any:
        del headers
        try:
            self.input_tensor.copy_from_cpu(np.array(get_predict_input(payload), dtype="float32"))
            self.predictor.run()
            return get_predict_response(payload, self.output_tensor.copy_to_cpu(), self.name)
        except Exception as error:
            raise InferenceError(str(error)) from error


if __name__ == "__main__":
    kserve.ModelServer().start([PaddleModel("bench", Path(os.environ["MODEL_DIR"]))])
