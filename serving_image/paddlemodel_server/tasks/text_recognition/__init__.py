"""`spec.task.textRecognition`: a picture of one line of text in, the text out."""
