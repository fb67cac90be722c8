"""Looks at the pods beside the reconciles, and what is counted of each model."""
