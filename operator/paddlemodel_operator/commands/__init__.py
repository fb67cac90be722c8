"""`paddlemodel render` and `run`: what people type who have a YAML; a file each, and what they share."""
