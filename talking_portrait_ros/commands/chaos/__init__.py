"""`talking-portrait chaos`: faults made on purpose, and figures of what the avatar makes of them.

One file per scenario; the table in `command.py` lists them. Everything is real: the processes of
`talking-portrait run`, the middleware, the signals.
"""

from talking_portrait_ros.commands.chaos.command import chaos

__all__ = ["chaos"]
