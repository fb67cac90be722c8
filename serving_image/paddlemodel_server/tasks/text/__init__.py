"""What the tasks for texts have in common: bodies, tokens, lengths, and the parts of a request that run."""
