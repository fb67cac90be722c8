"""The PaddleModel operator: one YAML becomes a served Paddle model."""
