"""`spec.task.ocr`: a picture of a page in, its text line by line out, by two or three models."""
