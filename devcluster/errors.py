"""The one error this package raises on purpose: what is missing, and the way out."""


class DevclusterError(Exception):
    """A fault a person can mend; the message says what happened and what to do."""
