"""A picture's bytes become a model's input, as a `Preparation` says. OpenCV comes in with this module."""

from dataclasses import dataclass

from paddlemodel_server.protocol import Array
from paddlemodel_server.tasks.images import decoding
from paddlemodel_server.tasks.images.preparation import Preparation


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A picture as the model gets it.

    Attributes:
        tensor: float32 [1, 3, height, width].
        size: height and width to which the picture was scaled, without what fills the tensor up.
        original: height and width of the picture, upright.
    """

    tensor: Array
    size: tuple[int, int]
    original: tuple[int, int]


def prepared(body: bytes, plan: Preparation) -> Prepared:
    """Decode, scale, fill up and normalise a picture.

    Raises:
        UnsupportedMediaTypeError: it is no image of a known format.
        BadRequestError: it is damaged, or larger than may be.
    """
    with decoding.decoded(body, plan.most_pixels) as whole:
        height, width = whole.shape[:2]
        size = plan.scaled(height, width)
        pixels = decoding.scaled(whole, *size, decoding.Scaling(interpolation=plan.interpolation))
        return Prepared(tensor=plan.normalised(pixels), size=size, original=(height, width))
