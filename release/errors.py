"""The one error that the commands here tell in a sentence."""


class ReleaseError(Exception):
    """Something is not as a release needs it; the message says what, and what to do."""
