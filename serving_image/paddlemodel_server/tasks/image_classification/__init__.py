"""`spec.task.imageClassification`: one picture in, the most probable classes out."""
