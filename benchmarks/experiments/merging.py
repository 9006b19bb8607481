"""Token merging: tokens that say much the same become one.

"Token Merging: Your ViT But Faster" (arXiv 2210.09461): patches are dealt in turn to two sets; each
patch of the first finds the most similar one of the second; the most similar pairs merge. How many
is fixed, so that shapes are the same for every image. The class token comes first and never merges.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Matching:
    """Who merges with whom. Patches 0, 2, 4, ... are sources, patches 1, 3, 5, ... targets.

    Attributes:
        kept: Sources that stay, (images, kept).
        moved: Sources that merge, (images, merged).
        into: The target of each, (images, merged).
    """

    kept: Tensor
    moved: Tensor
    into: Tensor

    def sum(self, values: Tensor) -> Tensor:
        """Add what merges.

        Args:
            values: Of each token, (images, tokens, channels), class token first.

        Returns:
            Values of the merged tokens: class token, sources kept, targets.
        """
        sources, targets = values[:, 1::2], values[:, 2::2]
        into = self.into[..., None].expand(-1, -1, values.shape[-1])
        targets = targets.scatter_add(1, into, _take(sources, self.moved))
        return torch.cat([values[:, :1], _take(sources, self.kept), targets], dim=1)


def match(keys: Tensor, count: int) -> Matching:
    """Choose the pairs to merge.

    Args:
        keys: What similarity is judged by, (images, tokens, channels), class token first.
        count: Number of tokens to save; at most half of the patches.
    """
    keys = torch.nn.functional.normalize(keys.float(), dim=-1)
    similarity, nearest = (keys[:, 1::2] @ keys[:, 2::2].transpose(1, 2)).max(dim=-1)
    order = similarity.argsort(dim=-1, descending=True)
    moved, kept = order[:, :count], order[:, count:]
    return Matching(kept, moved, nearest.gather(1, moved))


def _take(values: Tensor, indices: Tensor) -> Tensor:
    return values.gather(1, indices[..., None].expand(-1, -1, values.shape[-1]))
