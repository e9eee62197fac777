"""A whole run of the dyadic generator's training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from talking_portrait_ros.training.dyadic.config import DyadicTraining
from talking_portrait_ros.training.dyadic.evaluation import evaluate
from talking_portrait_ros.training.dyadic.material import Scene, n_hours
from talking_portrait_ros.training.dyadic.trainer import Trainer
from talking_portrait_ros.training.loop.curriculum import Stage
from talking_portrait_ros.training.loop.run import StagedRun
from talking_portrait_ros.weights import load_card


class Run(StagedRun):
    """One run in one folder; it goes on from that folder's newest checkpoint."""

    title = "dyadic"
    panels = {
        "loss": ("loss",),
        "held out": ("jaw_r", "mouth_open_silent", "head_spread", "head_shake", "blinks"),
    }
    shown = (
        ("loss", "loss", ".4f"), ("step_ms", "ms", ".0f"), ("jaw_r", "jaw r", ".3f"),
        ("mouth_open_silent", "open", ".3f"), ("head_spread", "head", ".2f"),
        ("head_shake", "shake", ".2f"), ("blinks", "blinks", ".2f"),
    )  # fmt: skip

    def __init__(
        self,
        config: DyadicTraining,
        trainer: Trainer,
        training: Sequence[Scene],
        held_out: Sequence[Scene],
    ) -> None:
        self.config, self._trainer = config, trainer
        self._training, self._held_out = training, held_out
        super().__init__(config, trainer)

    def begin(self) -> None:
        """Take the codes of motion from the material."""
        self._trainer.begin(self._training)

    def learn(self, step: int, stage: Stage) -> dict[str, float]:
        """One step of the trainer."""
        return self._trainer.step(step, stage, self._training)

    def evaluate(self) -> dict[str, float]:
        """Held-out conversations, performed without help."""
        config = self.config
        return evaluate(
            self._trainer.ema.model, self._held_out, config.evaluation_clips,
            config.evaluation_frames, config.device,
        )  # fmt: skip

    def facts(self) -> dict[str, Any]:
        """Model and material."""
        return {
            "model": self._trainer.model.config.to_dict(),
            "conversations": len(self._training),
            "hours": n_hours(self._training),
            "begun_with": self._begun_with(),
        }

    def _begun_with(self) -> dict[str, Any]:
        """What the card of the weights that the run began with says of how they were made."""
        if not self.config.begin_with:
            return {}
        card = load_card(self.config.begin_with)
        told = ("material", "compute", "figures", "training", "begun_with")
        return {key: card[key] for key in told if key in card}
