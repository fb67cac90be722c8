"""What was fetched stays on a volume that pods share, so that a model is fetched once."""
