"""Others' software that clusters have already, as it ships: prometheus-adapter, KEDA, metrics-server.

Each brings its rights, definitions and command line from its own module's manifests. What differs from a real
installation: it is a process beside the API server (on a node: inside its namespaces), not a pod.
"""
