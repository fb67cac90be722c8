"""`paddlemodel-server export`: a layer becomes a model, compared with the layer that it came from."""
