"""Which commands there are, and where; they are imported only when asked for, as each loads its libraries."""

from typing import Final

COMMANDS: Final = {
    "completion": "paddlemodel_operator.commands.completion",
    "diff": "paddlemodel_operator.commands.deployed.diff",
    "doctor": "paddlemodel_operator.commands.deployed.doctor.command",
    "logs": "paddlemodel_operator.commands.deployed.logs.command",
    "render": "paddlemodel_operator.commands.render",
    "run": "paddlemodel_operator.commands.run",
    "status": "paddlemodel_operator.commands.deployed.status",
    "top": "paddlemodel_operator.commands.deployed.top.command",
}
"""The module of each command: `main` runs it, `options` makes its parser."""
