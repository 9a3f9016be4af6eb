"""How the output units of a network become answers, where they are not one a class."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from torch import Tensor, nn


class Codes(nn.Module):
    """Every class is a pattern over output units; the answer is the pattern that the output is nearest to.

    Outputs are sigmoid units. The score of a class is −½ Σ_u (o_u − c_u)², so that the largest score is the best
    match, and the criterion is the squared error of back-propagation (Rumelhart, Hinton & Williams 1986) to the
    pattern of the label alone. What sets this apart from cross-entropy is that other classes have no part in it.

    Args:
        patterns: of each class, [classes, units], each in [0, 1].
        tolerance: how far a unit may be from its pattern where an answer counts as learned.
    """

    patterns: Tensor

    def __init__(self, patterns: Tensor, tolerance: float = 0.1) -> None:
        super().__init__()
        self.register_buffer("patterns", patterns.float())
        self.tolerance = tolerance
        self.by_worst_unit = False

    @property
    def classes(self) -> int:
        return len(self.patterns)

    @property
    def units(self) -> int:
        return self.patterns.shape[1]

    def forward(self, outputs: Tensor) -> Tensor:
        """Scores [B, classes] of outputs [B, units], before the sigmoid."""
        apart = outputs.sigmoid()[:, None] - self.patterns
        return -apart.abs().amax(2) if self.by_worst_unit else -0.5 * apart.square().sum(2)

    def criterion(self, scores: Tensor, y: Tensor, reduction: Literal["mean", "none"] = "mean") -> Tensor:
        """The squared error of each answer [B], or its mean."""
        errors = -scores.gather(1, y[:, None]).squeeze(1)
        return errors.mean() if reduction == "mean" else errors

    @contextmanager
    def measuring_units(self) -> Iterator[None]:
        """For a while the score of a class is minus the distance of the unit that is furthest from its pattern."""
        self.by_worst_unit = True
        try:
            yield
        finally:
            self.by_worst_unit = False

    def learned(self, scores: Tensor, y: Tensor) -> Tensor:
        """Whether all units of each answer are as near as they have to be, [B]; of scores by units."""
        return scores.gather(1, y[:, None]).squeeze(1) >= -self.tolerance

    def digest(self) -> str:
        return repr((self.patterns.tolist(), self.tolerance))
