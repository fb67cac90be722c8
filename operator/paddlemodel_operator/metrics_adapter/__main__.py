"""`python -m paddlemodel_operator.metrics_adapter`: the adapter's process."""

import asyncio
import os
import sys

from paddlemodel_operator.base.errors import SettingsError
from paddlemodel_operator.metrics_adapter import log, process, settings


def main() -> int:
    """Run until a signal; a wrong setting is one sentence, not a stack trace."""
    try:
        mine = settings.from_environment(os.environ)
        log.configure(mine.log_level, mine.log_format)
        return asyncio.run(process.run(mine))
    except SettingsError as error:
        sys.stderr.write(f"metrics-adapter: {error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
