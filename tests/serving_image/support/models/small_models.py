"""The small models of these tests, and the program that exports them: python small_models.py FOLDER."""

import sys
from typing import Any

import paddle
from paddle.static import InputSpec

HOSTILE = "</script><img src=x onerror=document.title='owned'>"  # a name that is no markup


DTYPES: list[Any] = [
    *("bool", "uint8", "int8", "int16", "int32", "int64"),
    *("float16", "float32", "float64", "bfloat16"),
]


class Known(paddle.nn.Layer):
    """Its answers are known without a predictor; one parameter, else Paddle writes no file for them."""

    def __init__(self) -> None:
        super().__init__()
        self.two = self.create_parameter([1], default_initializer=paddle.nn.initializer.Constant(2))


class Mixed(Known):
    """Any number of rows and columns."""

    def forward(self, x: Any) -> Any:
        return x * self.two + 1, x.mean(axis=1)


class Pair(Known):
    """Two inputs of two dtypes, two outputs of two dtypes."""

    def forward(self, x: Any, count: Any) -> Any:
        return x * self.two + count.astype("float32"), count * 2


class Coupled(Known):
    """Its rows change each other: requests must never share a run."""

    def forward(self, x: Any) -> Any:
        return (x - x.mean(axis=0, keepdim=True)) * self.two


class Masked(Known):
    """Answers only those rows whose first number is positive: as many as there are, by their values."""

    def forward(self, x: Any) -> Any:
        return paddle.gather(x, paddle.nonzero(x[:, 0] > 0).flatten()) * self.two


class Shortened(Known):
    """Leaves rows out whose first number is below minus a million, by operators that say nothing of it."""

    def forward(self, x: Any) -> Any:
        kept = (x[:, 0] > -1e6).astype("int64")
        order, count = paddle.argsort(-kept, stable=True), paddle.cumsum(kept, axis=0).max()
        return paddle.gather(x, order)[:count] * self.two


class Rare(Known):
    """Floats in and out; in between parameters of every dtype that no request can carry."""

    def __init__(self) -> None:
        super().__init__()
        angle = paddle.arange(4).astype("float32")
        self.register_buffer("turn_64", paddle.complex(paddle.cos(angle), paddle.sin(angle)))
        angle = angle.astype("float64")
        self.register_buffer("turn_128", paddle.complex(paddle.cos(angle), paddle.sin(angle)))
        kinds: list[Any] = ["float8_e4m3fn", "float8_e5m2"]
        for kind in kinds:
            self.register_buffer(kind, paddle.full([8], 1.5).astype(kind))

    def forward(self, x: Any) -> Any:
        turned = paddle.as_complex(x.reshape([-1, 4, 2])) * self.turn_64
        turned = paddle.as_real(turned.astype("complex128") * self.turn_128).reshape([-1, 8])
        small = self.float8_e4m3fn.astype("float32") + self.float8_e5m2.astype("float32")
        return turned.astype("float32") * small * self.two


class Echo(Known):
    """Returns its input, too."""

    def forward(self, x: Any) -> Any:
        return x, x * self.two


class EchoCopy(Known):
    """Returns a copy of its input."""

    def forward(self, x: Any) -> Any:
        return paddle.assign(x), x * self.two


class Mortal(Known):
    """Twice its input and one more, as Mixed; where it is asked for a row far beyond a table, Paddle dies."""

    def __init__(self) -> None:
        super().__init__()
        self.table = paddle.nn.Embedding(50, 8, padding_idx=0)

    def forward(self, x: Any) -> Any:
        return x * self.two + 1 + self.table(x.astype("int64")).mean() * 0, x.mean(axis=1)


class Tokens(paddle.nn.Layer):
    """An embedding as every language model has one, fed by way of what only rearranges its ids."""

    def __init__(self, padding_idx: int | None) -> None:
        super().__init__()
        self.table = paddle.nn.Embedding(50, 8, padding_idx=padding_idx)
        self.linear = paddle.nn.Linear(8, 3)

    def forward(self, ids: Any) -> Any:
        looked_up = self.table(ids.astype("int32").unsqueeze(1).squeeze(1))
        return self.linear(paddle.nn.functional.dropout(looked_up, 0.5, training=self.training).mean(axis=1))


class Growing(Known):
    """A cache that grows by one step in a loop, as in every decoder."""

    def forward(self, x: Any) -> Any:
        y, step = x.unsqueeze(2) * self.two, paddle.zeros([], "int32")
        while step < paddle.full([], 6, "int32"):
            y = paddle.concat([y, y[:, :, -1:] + 1.0], axis=2)
            step = step + 1
        return y


class Finding(Known):
    """A detector that finds nothing in noise: its first output has no rows then."""

    def forward(self, x: Any) -> Any:
        found = paddle.nonzero(x[:, 0] * self.two > 1000)[:, 0]
        return paddle.index_select(x, found, axis=0), x * self.two


class Loudest(Known):
    """Asks one question about all rows, without a branch: whether the largest number is above ten."""

    def forward(self, x: Any) -> Any:
        return paddle.where(paddle.max(x) > 10, -x * self.two, x * self.two)


class Picture(paddle.nn.Layer):
    """A tiny convolutional classifier of ten classes that answers logits."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = paddle.nn.Conv2D(3, 8, 3, stride=2)
        self.linear = paddle.nn.Linear(8, 10)

    def forward(self, image: Any) -> Any:
        features = paddle.nn.functional.relu(self.convolution(image)).mean(axis=[2, 3])
        return self.linear(features) * 3


class Colour(Known):
    """Says how red, green and blue a picture is: three numbers from 0 to 1, before what a subclass does."""

    def colours(self, image: Any) -> Any:
        return image.mean(axis=[2, 3]) * self.two / 2


class ColourClass(Colour):
    """Answers the class itself, as exports do that end in argmax (which Paddle cannot write as legacy)."""

    def forward(self, image: Any) -> Any:
        return paddle.topk(self.colours(image), 1, axis=1)[1].flatten()


class ColourColumns(Colour):
    """As many numbers as a picture is wide: how many classes there are is open, to the signature."""

    def forward(self, image: Any) -> Any:
        return image.mean(axis=[1, 2]) * self.two


class ColourMap(Colour):
    """A score for each pixel."""

    def forward(self, image: Any) -> Any:
        return image * self.two


class ColourFeatures(Colour):
    """Features first, then the scores, as PaddleClas exports for retrieval."""

    def forward(self, image: Any) -> Any:
        return paddle.nn.functional.adaptive_avg_pool2d(image, 4) * self.two, self.colours(image) * 10


class ColourAttributes(Colour):
    """Each attribute for itself, by a hard sigmoid: several may be right, or none."""

    def forward(self, image: Any) -> Any:
        rising = (self.colours(image) - 0.5) * 20
        # Paddle writes neither sigmoid nor clip as legacy.
        return paddle.nn.functional.relu(rising) - paddle.nn.functional.relu(rising - 1)


class Every(Known):
    """An input of every dtype, in the order of DTYPES, and an output of each: all columns, then all again."""

    def forward(  # noqa: PLR0917 - Paddle looks for the inputs here
        self, a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, g: Any, h: Any, i: Any, j: Any
    ) -> Any:
        columns = a, b, c, d, e, f, g, h, i, j
        twice = [paddle.concat([x.astype("float64")] * 2, 1) for x in columns]  # it takes no uint8
        outputs = [
            twice[at].astype(columns[at].dtype) for at in range(len(DTYPES))
        ]  # it converts no strict zip
        return *outputs, h * self.two


class Greedy(Known):
    """Needs a megabyte of memory for each number of its input, and answers twice the input."""

    def __init__(self) -> None:
        super().__init__()
        self.wide = self.create_parameter([262144], default_initializer=paddle.nn.initializer.Constant(1))

    def forward(self, x: Any) -> Any:
        return (x.unsqueeze(-1) * self.wide).max(axis=-1) * self.two


class Complex(Known):
    """Answers complex numbers."""

    def forward(self, x: Any) -> Any:
        return paddle.complex(x * self.two, x)


class Fussy(Known):
    """Fails on zeros, and it is not the input's shape: a decomposition of NaN does not converge."""

    def forward(self, x: Any) -> Any:
        mean = x.mean()
        return x * paddle.linalg.eigh(paddle.eye(3) * (mean / mean))[0].mean() * self.two


class Slow(paddle.nn.Layer):
    """Takes a good part of a second, and one row only."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = self.create_parameter([1400, 1400])

    def forward(self, x: Any) -> Any:
        product = self.weight + x.mean()
        for _ in range(3):
            product = paddle.nn.functional.linear(product, self.weight) * 1e-3
        return x + product.mean() * 0


def main(folder: str) -> None:
    paddle.seed(7)
    models = {
        "mixed": (Mixed(), [InputSpec([None, None], "float32", "x")]),
        "pair": (Pair(), [InputSpec([None, 3], "float32", "x"), InputSpec([None, 1], "int64", "count")]),
        "picture": (Picture(), [InputSpec([None, 3, 32, 32], "float32", "image")]),
        "thumbnail": (Picture(), [InputSpec([None, 3, 4, 4], "float32", "image")]),
        "picture-one": (Picture(), [InputSpec([1, 3, 32, 32], "float32", "image")]),
        "hostile": (Picture(), [InputSpec([None, 3, 32, 32], "float32", HOSTILE)]),
        "colour-class": (ColourClass(), [InputSpec([None, 3, 8, 8], "float32", "image")]),
        "colour-columns": (ColourColumns(), [InputSpec([None, 3, 8, None], "float32", "image")]),
        "colour-map": (ColourMap(), [InputSpec([None, 3, 8, 8], "float32", "image")]),
        "colour-features": (ColourFeatures(), [InputSpec([None, 3, 8, 8], "float32", "image")]),
        "colour-attributes": (ColourAttributes(), [InputSpec([None, 3, 8, 8], "float32", "image")]),
        "slow": (Slow(), [InputSpec([1, 4], "float32", "x")]),
        "every": (Every(), [InputSpec([None, 3], dtype, f"x_{dtype}") for dtype in DTYPES]),
        "complex": (Complex(), [InputSpec([None, 3], "float32", "x")]),
        "greedy": (Greedy(), [InputSpec([None, None], "float32", "x")]),
        "four": (Picture(), [InputSpec([4, 3, 32, 32], "float32", "image")]),
        "fussy": (Fussy(), [InputSpec([None, None], "float32", "x")]),
        "masked": (Masked(), [InputSpec([None, 4], "float32", "x")]),
        "shortened": (Shortened(), [InputSpec([None, 4], "float32", "x")]),
        "rare": (Rare(), [InputSpec([None, 8], "float32", "x")]),
        "echo": (Echo(), [InputSpec([None, 4], "float32", "x")]),
        "echo-copy": (EchoCopy(), [InputSpec([None, 4], "float32", "x")]),
        "mortal": (Mortal(), [InputSpec([None, None], "float32", "x")]),
        "tokens": (Tokens(None), [InputSpec([None, None], "int64", "ids")]),
        "padded-tokens": (Tokens(0), [InputSpec([None, None], "int64", "ids")]),
        "growing": (Growing(), [InputSpec([None, 4], "float32", "x")]),
        "finding": (Finding(), [InputSpec([None, 4], "float32", "x")]),
        "loudest": (Loudest(), [InputSpec([None, 4], "float32", "x")]),
        "coupled": (Coupled(), [InputSpec([None, 4], "float32", "x")]),
    }
    for name, (layer, spec) in models.items():
        layer.eval()
        paddle.jit.save(layer, f"{folder}/{name}/inference", input_spec=spec)


if __name__ == "__main__":
    main(sys.argv[1])
