"""`spec.task.objectDetection`: one picture in; objects with labels, scores and boxes out."""
