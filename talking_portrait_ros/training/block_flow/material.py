"""What the generator learns from: clips of the corpus as latents of a VAE, with what is heard.

The latents of a clip are a four-hundredth of its pictures, so an hour of video fits into memory,
is worked out once, and is read again in every run. A folder holds shards of equally long clips;
making it can be broken off and gone on with.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

FORMAT = "talking-portrait-latents-2"


@dataclass(frozen=True)
class Material:
    """N clips of T = 1 + f (S - 1) frames, in half precision.

    Attributes:
        latents: [N, S, C, h, w].
        references: the person at rest, and at other moments, [N, M, C, h, w].
        draft: the clip as the guide would move it, by the linear path, [N, S, C, h, w].
        features: log-mel frames, [N, T, 160].
        speech: probability of speech, [N, T].
        guide: the mouth that the guide makes of the sound, with the true life around it,
            [N, T, 58].
        vae: name of the VAE's weights.
    """

    latents: Tensor
    references: Tensor
    draft: Tensor
    features: Tensor
    speech: Tensor
    guide: Tensor
    vae: str = field(default="", kw_only=True)

    def __len__(self) -> int:
        return len(self.latents)

    @property
    def n_frames(self) -> int:
        """T."""
        return self.speech.shape[1]

    @property
    def frames_per_step(self) -> int:
        """f, of the VAE."""
        return (self.n_frames - 1) // (self.latents.shape[1] - 1)

    def save(self, path: Path) -> None:
        """Write one shard; it appears as a whole or not at all."""
        tensors = {name: getattr(self, name).contiguous() for name in _TENSORS}
        part = path.with_suffix(".part")
        save_file(tensors, part, {"format": FORMAT, "facts": json.dumps({"vae": self.vae})})
        part.rename(path)

    @classmethod
    def load(cls, folder: str | Path) -> Material:
        """All shards of a folder.

        Raises:
            ValueError: no shards, or some that do not belong together.
        """
        paths = sorted(Path(folder).glob("*.safetensors"))
        if not paths:
            raise ValueError(
                f"material={str(folder)!r}: no shards of latents; make some with "
                "`talking-portrait corpus encode`"
            )
        return joined([cls._shard(path) for path in paths])

    @classmethod
    def _shard(cls, path: Path) -> Material:
        try:
            with safe_open(path, "pt") as file:
                metadata = file.metadata() or {}
                if metadata.get("format") != FORMAT:
                    raise ValueError(f"{path}: not a shard of latents ({FORMAT})")
                tensors = {name: file.get_tensor(name) for name in _TENSORS}
        except (SafetensorError, OSError) as error:
            raise ValueError(f"{path}: cannot be read as a shard of latents ({error})") from error
        return cls(**tensors, vae=json.loads(metadata["facts"])["vae"])


_TENSORS = tuple(each.name for each in fields(Material) if each.name != "vae")


def joined(parts: Sequence[Material]) -> Material:
    """All clips of `parts`.

    Raises:
        ValueError: they differ in length, in shape or in VAE.
    """
    kinds = {(part.vae, *part.latents.shape[1:], *part.references.shape[1:]) for part in parts}
    if len(kinds) > 1:
        raise ValueError(f"shards of different kinds (vae, shapes): {sorted(map(str, kinds))}")
    tensors = {name: torch.cat([getattr(part, name) for part in parts]) for name in _TENSORS}
    return Material(**tensors, vae=parts[0].vae)
