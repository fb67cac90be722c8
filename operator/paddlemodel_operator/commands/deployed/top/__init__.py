"""`paddlemodel top`: how busy models are, by the metrics of their pods."""
