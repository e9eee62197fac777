"""A rig: everything that draws one portrait, as plain tensors."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from talking_portrait_ros.frames.rig.eyes import EyeRig

_EYES = "eyes."


@dataclass(frozen=True)
class Rig:
    """One portrait, ready to be animated. Lengths are pixels; z points away from the viewer.

    Attributes:
        picture: the portrait, uint8 RGB [H, W, 3].
        skin_basis: displacement x, y, z per control on the grid of the frame, [K, 3, g, g].
        lip_basis: the same for the upper and the lower layer in the mouth box, [2, K, 3, m, n].
        skin_solid: depth, and share of the head's motion, on the grid of the frame, [2, g, g].
        lip_solid: the same in the mouth box, [2, m, n].
        lip_edges: signed distance inside the upper and inside the lower lip, [2, m, n].
        teeth: sprites of upper teeth, lower teeth, tongue: RGB 0..255 and alpha, [3, S, S, 4].
        tissue: colours of the open mouth and of the inner lip, RGB 0..255, [2, 3].
        mouth_box: left, top of the mouth box, its cell size, [3].
        face: origin x, y; axis x, y; unit; depth of the lips; half mouth width; seam darkness;
            resolution / 512, [9].
        head: pivot x, y, z; ear-to-ear width; focal length, [5].
        eyes: the eyelids and irises.
    """

    picture: Tensor
    skin_basis: Tensor
    lip_basis: Tensor
    skin_solid: Tensor
    lip_solid: Tensor
    lip_edges: Tensor
    teeth: Tensor
    tissue: Tensor
    mouth_box: Tensor
    face: Tensor
    head: Tensor
    eyes: EyeRig

    @property
    def resolution(self) -> int:
        """Height and width of the frames."""
        return self.picture.shape[0]

    def to(self, device: torch.device | str) -> Rig:
        """The same rig on another device."""
        moved = {name: value.to(device) for name, value in self._tensors().items()}
        return Rig(**moved, eyes=self.eyes.to(device))

    def save(self, path: str | Path) -> None:
        """Write the rig to a safetensors file."""
        eyes = {_EYES + name: value for name, value in self.eyes.state().items()}
        state = {**self._tensors(), **eyes}
        save_file({name: value.cpu().contiguous() for name, value in state.items()}, path)

    @classmethod
    def load(cls, path: str | Path) -> Rig:
        """The rig that `save` wrote.

        Raises:
            ValueError: the file is missing or is not a rig.
        """
        try:
            state = load_file(path)
            eyes = {k.removeprefix(_EYES): v for k, v in state.items() if k.startswith(_EYES)}
            own = {k: v for k, v in state.items() if not k.startswith(_EYES)}
            return cls(**own, eyes=EyeRig.from_state(eyes))
        except (OSError, TypeError, KeyError, SafetensorError) as error:
            raise ValueError(f"rig={path}: not a rig file; build it again: {error}") from error

    def _tensors(self) -> dict[str, Tensor]:
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "eyes"}
