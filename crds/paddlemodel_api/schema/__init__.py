"""Prints what follows from the types: the definition, the chart's copy of it, docs/api.md."""
