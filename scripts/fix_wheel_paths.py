"""Replaces two paths of the build machine that the ROS wheels carry in their CMake exports.

Without this, CMake stops with "non-existent path". Runs with the interpreter of the venv.
"""

from __future__ import annotations

import re
import sys
import sysconfig
from pathlib import Path

import numpy

BAKED = {
    re.compile(r"/opt/python/cp\d+-cp\d+/include/python3\.\d+"): sysconfig.get_paths()["include"],
    re.compile(
        r"/opt/python/cp\d+-cp\d+/lib/python3\.\d+/site-packages/numpy/_core/include"
    ): numpy.get_include(),
}


def fixed(text: str) -> str:
    """`text` with the paths of this machine."""
    for pattern, path in BAKED.items():
        text = pattern.sub(path.replace("\\", "/"), text)
    return text


def main() -> None:
    """Fixes every CMake file under the prefix's `share`."""
    for path in Path(sys.prefix, "share").rglob("*.cmake"):
        text = path.read_text()
        if "/opt/python/cp" in text:
            path.write_text(fixed(text))


if __name__ == "__main__":
    main()
