"""What the pod's GPUs show: read with NVIDIA's library, and reduced to a few numbers."""
