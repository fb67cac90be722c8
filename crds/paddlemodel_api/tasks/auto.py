"""`spec.task.auto`: the task is what the files beside the model say. It has no fields."""

from paddlemodel_api.base import Block


class Auto(Block):
    """The task that the files beside the model describe; tensors, where none does."""
