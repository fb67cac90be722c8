"""`spec.task.textDetection`: a picture in, a polygon for each line of text out."""
