"""What a task tells of itself: to the worker's warm-up, to people and machines, and of further models."""
