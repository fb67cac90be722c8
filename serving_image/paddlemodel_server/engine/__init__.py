"""One loaded model: the interface to it, its binding to Paddle, and what is learned about it at the start."""
