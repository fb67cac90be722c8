"""The PaddleModel server: HTTP workers that never import Paddle, and workers that hold the predictor."""
