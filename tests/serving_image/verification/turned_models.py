"""Two models that differ by the order of an output's axes, and the program that exports them."""

import sys
from typing import Any

import paddle
from paddle.static import InputSpec


class Turned(paddle.nn.Layer):
    """Twice its input, with its axes in some order."""

    def __init__(self, *order: int) -> None:
        super().__init__()
        self.order = list(order)
        self.two = self.create_parameter([1], default_initializer=paddle.nn.initializer.Constant(2))

    def forward(self, x: Any) -> Any:
        return paddle.transpose(x, self.order) * self.two


def main(folder: str) -> None:
    for name, layer in {"straight": Turned(0, 1, 2), "turned": Turned(0, 2, 1)}.items():
        layer.eval()
        spec = [InputSpec([None, None, None], "float32", "x")]
        paddle.jit.save(layer, f"{folder}/{name}/inference", input_spec=spec)


if __name__ == "__main__":
    main(sys.argv[1])
