"""What the clips of the corpus are like: shares and amplitudes of everything that varies."""

from __future__ import annotations

from dataclasses import dataclass

from talking_portrait_ros.config import Config, param


@dataclass(frozen=True)
class CorpusConfig(Config):
    """Shares are probabilities per clip, 0..1; an amplitude of 0 switches its variation off."""

    oversampling: int = param(
        2, "pixels drawn per pixel of the clip, each way, 512 at most; 1 is faster and softer",
        minimum=1, maximum=4,
    )  # fmt: skip
    people_kept: int = param(
        600, "rigs kept in memory, 6 MB each at 512 and 4 MB at 256", minimum=1
    )
    speech: float = param(0.75, "share of clips that speak", minimum=0, maximum=1)
    wild: float = param(0.15, "share of clips with random mouths", minimum=0, maximum=1)
    still: float = param(0.1, "share of clips without head motion", minimum=0, maximum=1)
    pose: float = param(1.0, "amplitude of the head's motion", minimum=0, maximum=1.5)
    expression: float = param(1.0, "amplitude of brows, eyes and smiles", minimum=0, maximum=2)
    mirrored: float = param(0.5, "share of mirrored clips", minimum=0, maximum=1)
    camera: float = param(0.7, "share of clips that are cropped anew", minimum=0, maximum=1)
    rest: float = param(0.0, "share of clips whose first reference is the person at rest, as the "
                             "first frame is lit and seen", minimum=0, maximum=1)  # fmt: skip
    drift: float = param(0.5, "share of clips whose camera drifts", minimum=0, maximum=1)
    light: float = param(1.0, "amplitude of light and colour changes", minimum=0, maximum=2)
    grey: float = param(0.05, "share of grey clips", minimum=0, maximum=1)
    background: float = param(0.4, "share of clips with another background", minimum=0, maximum=1)
    mouth: float = param(0.5, "share of clips with another inner mouth", minimum=0, maximum=1)
    blur: float = param(0.12, "share of slightly blurred clips", minimum=0, maximum=1)
    noise: float = param(0.12, "share of noisy clips", minimum=0, maximum=1)
    jpeg: float = param(0.08, "share of clips with block artefacts", minimum=0, maximum=1)

    @classmethod
    def plain(cls) -> CorpusConfig:
        """Nothing but the person's own motion: no augmentation at all."""
        return cls(mirrored=0.0, camera=0.0, drift=0.0, light=0.0, grey=0.0, background=0.0,
                   mouth=0.0, blur=0.0, noise=0.0, jpeg=0.0)  # fmt: skip
