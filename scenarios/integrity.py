"""What a source owes its test: examples that training has not seen."""

import hashlib
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scenarios.sources.source import Source

Array = NDArray[Any]


def duplicates(source: Source) -> Tensor:
    """Indices of the test inputs whose very content is among the training inputs, whatever their labels, ascending."""
    training, test = map(_rows, source.in_memory)
    if not len(training) or not len(test):
        return torch.empty(0, dtype=torch.int64)
    return torch.from_numpy(np.isin(_keys(test), _keys(training)).nonzero()[0])


def _rows(x: Tensor) -> Array:
    """Each example as a row of bytes."""
    # Minus zero equals zero, though its bytes do not.
    values = x if x.dtype == torch.uint8 else x + 0.0
    return values.flatten(1).contiguous().numpy().view(np.uint8)


def _keys(rows: Array) -> Array:
    """One value an example, equal where, and only where, the bytes are."""
    return np.array([hashlib.blake2b(row.data, digest_size=16).digest() for row in rows], dtype="S16")
