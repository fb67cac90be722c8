"""`spec.task.speechRecognition`: one sound in, what is said in it out."""
