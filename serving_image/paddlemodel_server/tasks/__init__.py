"""How a body becomes tensors, and outputs an answer (`spec.task`)."""
