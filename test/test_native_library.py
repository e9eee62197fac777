"""A library that is missing, broken or of another version is not used, and the log says so."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from talking_portrait_ros import native
from talking_portrait_ros.frames import rig

COMPILED = Path(rig.__file__).parent


@pytest.mark.parametrize("version", [-1, None])
def test_without_the_library_the_log_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, version: int | None
) -> None:
    (tmp_path / "_kernels.so").write_bytes(b"not a library")
    folder = COMPILED if version else tmp_path
    with caplog.at_level(logging.WARNING):
        assert native.library(folder, "rig_version", version or 2, "drawn slowly") is None
    assert "drawn slowly" in caplog.text
    assert "make setup" in caplog.text
