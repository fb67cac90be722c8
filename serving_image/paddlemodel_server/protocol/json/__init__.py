"""JSON bodies: read exactly, and large ones quickly."""
