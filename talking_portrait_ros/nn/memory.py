"""What a causal network remembers between two calls."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor


@dataclass
class Memory:
    """Left contexts of the temporal convolutions, allocated once and overwritten in place.

    Attributes:
        contexts: per convolution that looks back, the steps before the next one,
            [B, kernel - 1, H, W, C].
        n_steps: latent steps seen so far; 0 means that the next one is frame 0, alone.
        recent: what else the last step leaves to the next one, by name.
    """

    contexts: list[Tensor]
    n_steps: int = 0
    recent: dict[str, Tensor] = field(default_factory=dict)

    @property
    def fresh(self) -> bool:
        """Nothing has been seen yet."""
        return self.n_steps == 0


def is_fresh(memory: Memory | None) -> bool:
    """Whether a clip with this memory begins a stream; without one it does."""
    return memory is None or memory.fresh
