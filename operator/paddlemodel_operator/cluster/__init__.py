"""The doors to the cluster: API, caches, queue, pods' metrics, and what answers about ourselves."""
