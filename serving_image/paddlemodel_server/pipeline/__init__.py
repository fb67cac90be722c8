"""A request's way through an HTTP worker: admission, decoding, queue, model worker, encoding, log line."""
