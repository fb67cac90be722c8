"""The tasks that take pictures, and how pixels become the numbers of their models."""
