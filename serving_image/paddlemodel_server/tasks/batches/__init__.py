"""Several things of one kind in one request: multipart/form-data in, a list of answers out."""
