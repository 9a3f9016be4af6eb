"""What a source owes its test: examples that training has not seen."""

import hashlib
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scenarios.examples import Examples
from scenarios.sources.source import Source
from scenarios.task import Scenario

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


def leaks(scenario: Scenario) -> list[tuple[int, dict[int, int]]]:
    """For each task, how many of its test inputs are by content among the training inputs of any task, and of which.

    Inputs count as they are seen through their task's transform. Those of validation are not counted: nothing is
    trained on them.
    """
    trained = [_content(task.training) for task in scenario.tasks]
    found = []
    for test in scenario.test:
        tested = _content(test)
        among = [np.isin(tested, keys) for keys in trained]
        counts = {task: int(hits.sum()) for task, hits in enumerate(among) if hits.any()}
        found.append((int(np.logical_or.reduce(among).sum()), counts))
    return found


def _content(examples: Examples) -> Array:
    """A key for each example's input; they are read a part at a time."""
    parts = torch.arange(len(examples)).split(1024) if len(examples) else ()
    return np.concatenate([np.empty(0, "S16"), *(_keys(_rows(examples.batch(part)[0].cpu())) for part in parts)])
