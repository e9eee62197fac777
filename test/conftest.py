"""Shared by all tests: one thread per process, no window, `helpers` importable."""

from __future__ import annotations

import os
import sys
from pathlib import Path

# Several thread pools on few cores wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
sys.path.insert(0, str(Path(__file__).parent))
