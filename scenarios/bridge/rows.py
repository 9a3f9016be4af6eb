"""Our examples as a torch data set, as loaders of other libraries read them."""

from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from scenarios.examples import Examples


class Rows(Dataset[tuple[Tensor, int]]):
    """Examples as a data set of (floats in [0, 1], label); bytes stay bytes until an example is read.

    Args:
        examples: all of them are held.
        standardise: mean and deviation, on [0, 1], that our networks subtract and divide by, if any.
    """

    def __init__(self, examples: Examples, standardise: tuple[float, float] | None = None) -> None:
        self.x, y = examples.batch(torch.arange(len(examples)))
        self.targets: list[int] = y.tolist()
        self.standardise = standardise

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        x = self.x[index]
        x = x.float() / 255 if x.dtype == torch.uint8 else x
        if self.standardise is not None:
            mean, deviation = self.standardise
            x = (x - mean) / deviation
        return x, self.targets[index]

    def __deepcopy__(self, memo: dict[int, Any]) -> "Rows":
        return self

    @property
    def row_bytes(self) -> int:
        """Bytes of one example, with its label."""
        return self.x[:1].nbytes + 8
