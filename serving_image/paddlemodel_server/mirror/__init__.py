"""Answered requests are asked again of a canary, whose answers are compared: clients notice nothing of it."""
