"""Conditions and Events from what was observed: chains of small checks. Pure."""
