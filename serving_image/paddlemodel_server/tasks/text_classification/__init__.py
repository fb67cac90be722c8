"""`spec.task.textClassification`: texts or pairs of them in, the most probable classes out."""
