"""Does any picture work? Every picture of a folder becomes a talking face, or is refused clearly.

The contact sheets are for a person to look at: a tracker says whether there is a face and whether
its lips follow, not whether it looks right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from talking_portrait_ros.chunks import U8, Reference
from talking_portrait_ros.evaluation.clips import Watch, unwatched
from talking_portrait_ros.evaluation.curves import Curve, correlation
from talking_portrait_ros.evaluation.rig import (
    motion_of,
    render_motion,
    speech_like_opening,
)
from talking_portrait_ros.evaluation.tracker import track_frames
from talking_portrait_ros.frames.portrait import load_reference
from talking_portrait_ros.pipeline import AnyStage
from talking_portrait_ros.spaces import MOTION_ARKIT
from talking_portrait_ros.stage import require_space

Outcome = Literal["talks", "refused", "not seen by the tracker"]

SHEET_POSES: tuple[dict[str, float], ...] = (
    {},
    {"jawOpen": 0.15},
    {"jawOpen": 0.35},
    {"jawOpen": 0.65},
    {"jawOpen": 0.25, "mouthPucker": 0.7, "mouthFunnel": 0.2},
    {"jawOpen": 0.12, "mouthStretchLeft": 0.6, "mouthStretchRight": 0.6},
    {"jawOpen": 0.06, "mouthRollLower": 0.6, "mouthUpperUpLeft": 0.2, "mouthUpperUpRight": 0.2},
    {"mouthSmileLeft": 0.6, "mouthSmileRight": 0.6, "jawOpen": 0.2},
    {"eyeBlinkLeft": 0.5, "eyeBlinkRight": 0.5},
    {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0},
    {"eyeLookOutLeft": 0.6, "eyeLookInRight": 0.6, "browInnerUp": 0.6},
    {"headYaw": 0.17, "jawOpen": 0.3},
    {"headYaw": -0.17},
    {"headPitch": 0.12, "jawOpen": 0.2},
    {"headRoll": 0.10},
)
_N_COLUMNS = 5
_CELL = 320


@dataclass(frozen=True)
class FaceTrial:
    """What became of one picture.

    Attributes:
        name: the picture.
        outcome: what happened.
        reason: the words of the refusal, or "".
        found: share of the rendered frames in which a face was found.
        lips_r: correlation of commanded opening and measured gap.
        sheet: where its contact sheet is, or None.
    """

    name: str
    outcome: Outcome
    reason: str = ""
    found: float = 0.0
    lips_r: float = 0.0
    sheet: Path | None = None


def evaluate_faces(
    stage: AnyStage,
    pictures: Sequence[Path],
    sheets: Path | None = None,
    watch: Watch[Path] = unwatched,
) -> list[FaceTrial]:
    """Try every picture.

    Args:
        stage: a frames stage that draws `motion/arkit-1`.
        pictures: any pictures.
        sheets: a folder for contact sheets.
        watch: shows progress.

    Raises:
        ValueError: a stage of another space.
    """
    require_space("evaluate_faces", MOTION_ARKIT, stage.in_space)
    return [_try(stage, path, sheets) for path in watch(list(pictures), "any picture?")]


def _try(stage: AnyStage, path: Path, sheets: Path | None) -> FaceTrial:
    try:
        reference = load_reference(path)
        sheet = contact_sheet(stage, reference)
    except ValueError as refusal:
        return FaceTrial(path.stem, "refused", str(refusal))
    place = _save(sheet, sheets / f"{path.stem}.jpg") if sheets else None
    opening = speech_like_opening(60)
    motion = motion_of(len(opening), jawOpen=opening)
    try:
        track = track_frames(render_motion(stage, reference, motion), path.stem)
    except ValueError as lost:
        return FaceTrial(path.stem, "not seen by the tracker", str(lost), sheet=place)
    found = float(track.found.mean())
    return FaceTrial(path.stem, "talks", "", found, correlation(opening, track.gap), place)


def contact_sheet(stage: AnyStage, reference: Reference) -> U8:
    """`reference` in the poses of `SHEET_POSES`, a grid, uint8 RGB.

    Raises:
        ValueError: the picture is refused.
    """
    curves: dict[str, Curve] = {}
    for index, pose in enumerate(SHEET_POSES):
        for name, value in pose.items():
            curves.setdefault(name, np.zeros(len(SHEET_POSES)))[index] = value
    frames = render_motion(stage, reference, motion_of(len(SHEET_POSES), **curves))
    cells = [cv2.resize(f, (_CELL, _CELL), interpolation=cv2.INTER_AREA) for f in frames]
    rows = [np.hstack(cells[i : i + _N_COLUMNS]) for i in range(0, len(cells), _N_COLUMNS)]
    return np.vstack(rows).astype(np.uint8)


def _save(sheet: U8, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
    return path
