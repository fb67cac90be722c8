"""Recorded requests and their answers: read, compared, and demanded of a model before it gets traffic."""
