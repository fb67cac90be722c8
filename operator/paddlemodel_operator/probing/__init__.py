"""Scrapes pods beside the reconciles, and counts what the operator reports of each model."""
