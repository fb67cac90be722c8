"""PID 1 of the container: starts the HTTP workers and the model workers, watches them, ends them in order."""
