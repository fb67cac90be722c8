"""Limits that all pods of a model count together, by a Valkey or Redis."""
