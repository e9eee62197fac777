"""A whole run of the generator's training."""

from __future__ import annotations

from typing import Any

from talking_portrait_ros.training.block_flow.config import BlockFlowTraining
from talking_portrait_ros.training.block_flow.evaluation import evaluate
from talking_portrait_ros.training.block_flow.material import Material
from talking_portrait_ros.training.block_flow.trainer import Trainer
from talking_portrait_ros.training.loop.curriculum import Stage
from talking_portrait_ros.training.loop.run import StagedRun


class Run(StagedRun):
    """One run in one folder; it goes on from that folder's newest checkpoint."""

    title = "block-flow"
    panels = {
        "loss": ("loss",),
        "held out": (
            "explained_short", "explained_long", "corrected_long", "corrected_mouth_short",
            "corrected_mouth_long", "liveliness",
        ),
    }  # fmt: skip
    shown = (
        ("loss", "loss", ".4f"), ("step_ms", "ms", ".0f"),
        ("explained_long", "explained", ".3f"), ("corrected_long", "corrected", ".3f"),
        ("corrected_mouth_long", "mouth", ".3f"),
        ("liveliness", "liveliness", ".2f"),
    )  # fmt: skip

    def __init__(
        self, config: BlockFlowTraining, trainer: Trainer, training: Material, held_out: Material
    ) -> None:
        self.config, self._trainer = config, trainer
        self._training, self._held_out = training, held_out
        super().__init__(config, trainer)

    def begin(self) -> None:
        """Take the units of the latents from the material."""
        self._trainer.begin(self._training)

    def learn(self, step: int, stage: Stage) -> dict[str, float]:
        """One step of the trainer."""
        return self._trainer.step(step, stage, self._training)

    def evaluate(self) -> dict[str, float]:
        """Held-out clips, rolled out."""
        model, config = self._trainer.ema.model, self.config
        return evaluate(
            model, self._held_out, config.evaluation_clips, config.blocks, config.device
        )

    def facts(self) -> dict[str, Any]:
        """Model and material."""
        return {
            "model": self._trainer.model.config.to_dict(),
            "vae": self._training.vae,
            "clips": len(self._training),
            "frames_per_clip": self._training.n_frames,
        }
