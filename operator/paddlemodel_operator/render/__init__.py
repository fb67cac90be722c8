"""Renders a PaddleModel into Kubernetes objects, one file per kind; every builder is pure."""
