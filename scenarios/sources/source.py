"""What every source of examples gives: one labelled training set and one test set."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from scenarios.catalogue import SOURCES
from scenarios.rows import Inputs, parts_of


@dataclass(frozen=True)
class Source:
    """A labelled data set; its labels are in memory, its inputs in memory or in files (`Rows`).

    Attributes:
        name: as in the names of scenarios made from it (`split-NAME`).
        labels: what its classes are called, in the order of their numbers.
        x, y: training inputs and class numbers [N]; inputs are images [N, channels, height, width] uint8, or float32
            of any shape [N, …].
        test_x, test_y: the same for the test examples.
    """

    name: str
    labels: tuple[str, ...]
    x: Inputs
    y: Tensor
    test_x: Inputs
    test_y: Tensor

    @property
    def input_shape(self) -> tuple[int, ...]:
        return tuple(self.x.shape[1:])

    @property
    def statistics(self) -> tuple[float, float]:
        """Mean and standard deviation of the training inputs; those of bytes on the scale [0, 1]."""
        scale = 255 if self.x.dtype == torch.uint8 else 1
        if isinstance(self.x, Tensor):
            x = self.x.float() / scale
            return round(float(x.mean()), 4), round(float(x.std()), 4)
        sums = torch.zeros(3, dtype=torch.float64)  # of ones, of values, of their squares
        for part in parts_of(self.x):
            values = part.double() / scale
            sums += torch.stack([torch.tensor(float(values.numel())), values.sum(), values.square().sum()])
        count, total, squares = sums.tolist()
        return round(total / count, 4), round(((squares - total**2 / count) / (count - 1)) ** 0.5, 4)


register = SOURCES.register


@lru_cache(maxsize=4)
def load_source(name: str, root: Path | None = None) -> Source:
    """The source called `name`, read once a process.

    Raises:
        RequestError: where there is none of that name, or its data cannot be had.
    """
    return SOURCES.get(name)(root)
