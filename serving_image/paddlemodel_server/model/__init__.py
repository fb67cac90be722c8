"""The model's files and signature, read without Paddle."""
