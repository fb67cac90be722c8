"""`spec.task.tensors`: the client sends tensors as they are. It has no fields."""

from paddlemodel_api.base import Block


class Tensors(Block):
    """Tensors in and out, as the protocols write them."""
