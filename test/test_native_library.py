"""A library that is missing, broken or of another version is not used, and the log says so."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from talking_portrait_ros import native
from talking_portrait_ros.frames import rig
from talking_portrait_ros.frames.rig.native import VERSION

COMPILED = Path(rig.__file__).parent


@pytest.mark.parametrize("is_old", [True, False])
def test_without_the_library_the_log_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, is_old: bool
) -> None:
    (tmp_path / "_kernels.so").write_bytes(b"not a library")
    folder, version = (COMPILED, -1) if is_old else (tmp_path, VERSION)
    with caplog.at_level(logging.WARNING):
        assert native.load_kernels(folder, "rig_version", version, "drawn slowly") is None
    assert "drawn slowly" in caplog.text
    assert "make setup" in caplog.text
