"""One module per node; each is a program.

Importing ROS and the models takes seconds, in which nothing is open yet: until the node listens
to signals itself, Ctrl-C and SIGTERM end its process as it stands.
"""

from __future__ import annotations

import os
import signal
import sys


def _end(_number: int, _frame: object) -> None:
    os._exit(0)


if sys.argv[:1] == ["-m"]:  # so it is while `python -m` imports the packages of its module
    for _signal in (signal.SIGINT, signal.SIGTERM):
        signal.signal(_signal, _end)
