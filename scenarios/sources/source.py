"""What every source of examples gives: one labelled training set and one test set."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from torch import Tensor

from scenarios.catalogue import SOURCES


@dataclass(frozen=True)
class Source:
    """A labelled data set, in memory.

    Attributes:
        name: as in the names of scenarios made from it (`split-NAME`).
        labels: what its classes are called, in the order of their numbers.
        x, y: training inputs [N, channels, height, width] uint8 and class numbers [N].
        test_x, test_y: the same for the test examples.
    """

    name: str
    labels: tuple[str, ...]
    x: Tensor
    y: Tensor
    test_x: Tensor
    test_y: Tensor

    @property
    def input_shape(self) -> tuple[int, ...]:
        return tuple(self.x.shape[1:])

    @property
    def statistics(self) -> tuple[float, float]:
        """Mean and standard deviation of the training inputs on the scale [0, 1]."""
        x = self.x.float() / 255
        return round(float(x.mean()), 4), round(float(x.std()), 4)


register = SOURCES.register


@lru_cache(maxsize=4)
def load_source(name: str, root: Path | None = None) -> Source:
    """The source called `name`, read once a process.

    Raises:
        RequestError: where there is none of that name, or its data cannot be had.
    """
    return SOURCES.get(name)(root)
