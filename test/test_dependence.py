"""Imports go one way, and only `ros` knows rclpy."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "talking_portrait_ros"
PIPELINES = ("pipeline", "presets", "stage_specs")
HOSTS = ("ros", "commands", "training", "evaluation", "cli")
STAGES = ("audio", "features", "latents", "frames", "screen")


def imports_of(path: Path) -> set[str]:
    """Names of imported modules; those of this package without the package's own name."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {name.removeprefix("talking_portrait_ros.") for name in found}


def files_in(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def reaches(path: Path, *targets: str) -> list[str]:
    return [name for name in imports_of(path) if name.split(".")[0] in targets]


@pytest.mark.parametrize(
    "path", sorted(ROOT.rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT))
)
def test_only_the_ros_folder_imports_ros(path):
    if path.relative_to(ROOT).parts[0] != "ros":
        assert not reaches(path, "rclpy", "launch", "launch_ros", "sensor_msgs", "std_msgs")


@pytest.mark.parametrize("path", files_in(*STAGES), ids=lambda p: str(p.relative_to(ROOT)))
def test_stages_import_no_pipeline_and_no_host(path):
    assert not reaches(path, *PIPELINES, *HOSTS)


@pytest.mark.parametrize("path", files_in("realtime"), ids=lambda p: p.name)
def test_realtime_imports_no_host(path):
    assert not reaches(path, *HOSTS)


def test_vocabulary_imports_no_stage():
    for name in ("chunks", "timebase", "stage", "spaces", "config", "registry"):
        assert not reaches(ROOT / f"{name}.py", *STAGES, *PIPELINES, *HOSTS)


@pytest.mark.parametrize("path", files_in("nn", "flow"), ids=lambda p: str(p.relative_to(ROOT)))
def test_layers_and_flow_know_no_stage_and_no_chunk(path):
    assert not reaches(path, "chunks", "stage", "spaces", *STAGES, *PIPELINES, *HOSTS)
