"""A worker: the process that holds one predictor, and the loop that turns waiting requests into runs."""
