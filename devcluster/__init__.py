"""A real Kubernetes node on one Linux machine, from standard parts, for tests, demos and benchmarks.

Glue only: certificates, configuration files, one namespace that holds everything, and images built
from the repository's own Dockerfiles. Nothing of Kubernetes is imitated; docs/devcluster.md says
what is real and what is not.
"""
