"""Registries of container images: what to ask of them, how to log in, what a manifest says."""
