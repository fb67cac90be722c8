"""`spec.task.audioClassification`: one sound in, the most probable classes out."""
