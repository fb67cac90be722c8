"""The metrics adapter: answers the HorizontalPodAutoscalers' queries for the pods' own metrics.

A process of its own (`python -m paddlemodel_operator.metrics_adapter`), without state and without kopf: the
Kubernetes API server forwards custom.metrics.k8s.io to it. A request flows through `connections ─► server ─►
access ─► query ─► pods ─► answer`; docs/metrics-adapter.md explains it.
"""
