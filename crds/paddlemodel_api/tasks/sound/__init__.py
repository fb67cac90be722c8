"""The members of `spec.task` that take sounds."""
