"""The PaddleModel server: HTTP fronts that never import Paddle, and owners that hold the predictor."""
