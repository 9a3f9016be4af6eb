"""What scikit-learn's tables share: a fixed test part, and features standardised by the training part."""

from typing import Any

import torch

from scenarios.sources.parts import every_fifth
from scenarios.sources.source import Source


def table(name: str, data: Any) -> Source:
    """A table of scikit-learn as a source.

    Every fifth example of each class is a test example. Each feature has the mean of the training examples
    subtracted and is divided by their deviation, since features are of different units.
    """
    x, y = torch.from_numpy(data.data).double(), torch.from_numpy(data.target).long()
    test = every_fifth(y)
    mean, deviation = x[~test].mean(0), x[~test].std(0, correction=0)
    x = ((x - mean) / deviation).float()
    return Source(name, tuple(str(label) for label in data.target_names), x[~test], y[~test], x[test], y[test])
