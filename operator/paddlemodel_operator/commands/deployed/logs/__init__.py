"""`paddlemodel logs`: what the pods of a model write."""
