"""The init container: brings the model's files, verified and unpacked, whole or not at all."""
