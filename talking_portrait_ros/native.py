"""C libraries of this package, compiled by `make setup`, colcon or pip, loaded through ctypes."""

from __future__ import annotations

import ctypes
import logging
from functools import cache
from pathlib import Path


@cache
def load_kernels(folder: Path, question: str, version: int, instead: str) -> ctypes.CDLL | None:
    """The compiled `kernels.c` of `folder`; None, with a line in the log, where there is none.

    Args:
        folder: where `_kernels*.so` lies.
        question: the function of it that tells the version of its structures and signatures.
        version: the one that fits.
        instead: what is done without it, for the log.
    """
    for path in sorted(folder.glob("_kernels*.so")):
        try:
            found = ctypes.CDLL(str(path))
            if getattr(found, question)() == version:
                return found
        except (OSError, AttributeError):
            continue
    logging.getLogger(__name__).warning(
        "%s: kernels.c is not compiled for this machine, %s; `make setup` or `pip install` with "
        "a C compiler builds it",
        folder.name,
        instead,
    )
    return None
