"""`python -m paddlemodel_operator`, also installed as `paddlemodel-operator`: the operator's process."""

import sys

from paddlemodel_operator.base.errors import SettingsError


def main() -> int:
    """Run until a signal; a wrong setting is one sentence, not a stack trace."""
    from paddlemodel_operator import handlers  # noqa: PLC0415 - kopf and the client take two seconds to load

    try:
        return handlers.run()
    except SettingsError as error:
        sys.stderr.write(f"paddlemodel-operator: {error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
