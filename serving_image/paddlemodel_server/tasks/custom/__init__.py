"""`spec.task.custom`: the model's own code turns bodies into inputs, and outputs into answers."""
