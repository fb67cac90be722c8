"""Why a command ends early: one sentence, and the exit code."""


class CommandError(Exception):
    """It cannot be done; the text says what to do.

    Attributes:
        exit_code: 1 where another try or another machine could help, 2 where the input is wrong.
    """

    exit_code = 1


class InputError(CommandError):
    """The command line or the YAML is wrong."""

    exit_code = 2
