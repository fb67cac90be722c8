"""How Paddle is imported: light, or whole."""
