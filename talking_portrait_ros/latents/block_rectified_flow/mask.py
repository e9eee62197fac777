"""Who may look at whom while a whole clip is taught at once (S1, figure 4)."""

from __future__ import annotations

import torch
from torch import Tensor


def teaching_mask(n_references: int, n_steps: int, block_steps: int) -> Tensor:
    """May row look at column? Steps of references, clean history and noisy blocks: [L, L].

    All look at the references, which look at nothing else. A clean step looks at the clean steps
    of its own block and of those before it. A noisy step looks at its own block, and at the clean
    steps of the blocks before it; never at another noisy block.
    """
    blocks = torch.arange(n_steps) // block_steps
    mine, other = blocks[:, None], blocks[None]
    nothing = torch.zeros(n_steps, n_steps, dtype=torch.bool)
    of_references = torch.zeros(n_references, n_references + 2 * n_steps, dtype=torch.bool)
    of_references[:, :n_references] = True
    known = torch.ones(n_steps, n_references, dtype=torch.bool)
    of_clean = torch.cat([known, other <= mine, nothing], dim=1)
    of_noisy = torch.cat([known, other < mine, other == mine], dim=1)
    return torch.cat([of_references, of_clean, of_noisy])
