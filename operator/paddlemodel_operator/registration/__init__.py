"""How the adapter gets its certificate, and the cluster learns that it serves custom.metrics.k8s.io."""
