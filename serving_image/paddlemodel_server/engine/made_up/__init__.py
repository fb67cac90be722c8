"""Requests that are made up, to find out what a model takes and how long it takes."""
