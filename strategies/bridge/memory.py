"""How many bytes a strategy of Avalanche's keeps from task to task, found by walking through it."""

from collections.abc import Iterator
from types import FunctionType, GeneratorType, MethodType, ModuleType
from typing import Any

import numpy as np
import torch
from avalanche.benchmarks.utils.data import AvalancheDataset
from avalanche.benchmarks.utils.flat_data import FlatData
from torch import Tensor

from scenarios.bridge.rows import Rows

PASSING = ("optimize", "evaluator", "clock", "loss", "mbatch", "mb_", "batch_logits", "dataloader")
"""How the names of those attributes of a strategy begin that are no memory: tools, and what is left of a step."""

LABELS = {"targets", "targets_task_labels"}


def bytes_held(strategy: Any, own: set[int]) -> int:
    """The bytes of all tensors, arrays and examples that can be reached from a strategy.

    A tensor counts once, however often it is held. A data set counts by the distinct examples in it,
    each as large as it is stored with us: a buffer of Avalanche's is a list of indices into a task's whole data set,
    of which a sensible store would keep those rows alone. Logits kept beside examples count as well.

    Args:
        strategy: of Avalanche's.
        own: addresses of the storages that are the network itself, which are not counted.
    """
    arrays: dict[int, int] = {}
    rows: dict[tuple[int, int], int] = {}
    beside = 0
    for value in reached(strategy):
        if isinstance(value, Tensor):
            if value.untyped_storage().data_ptr() not in own and value.is_leaf:  # others are outputs of the last step
                arrays[value.data_ptr()] = max(value.nbytes, arrays.get(value.data_ptr(), 0))
        elif isinstance(value, np.ndarray):
            arrays[value.ctypes.data] = value.nbytes
        elif isinstance(value, AvalancheDataset):
            rows.update(_rows(value._flat_data))
            extras = [it for name, it in value._data_attributes.items() if name not in LABELS]
            beside += sum(len(it) * _size(it[0]) for it in extras if len(it))
    return sum(arrays.values()) + sum(rows.values()) + beside


def _rows(data: Any, indices: Any = None) -> Iterator[tuple[tuple[int, int], int]]:
    """The examples of a data set, or those at some places in it: which row of which set each is, and its bytes."""
    chosen = range(len(data)) if indices is None else indices
    if not isinstance(data, FlatData):
        size = data.row_bytes if isinstance(data, Rows) else sum(map(_size, data[0])) if len(data) else 0
        yield from (((id(data), int(index)), size) for index in chosen)
        return
    inner: dict[int, list[int]] = {}
    for index in chosen:
        part, place = data._get_idx(int(index))
        inner.setdefault(part, []).append(place)
    for part, places in inner.items():
        yield from _rows(data._datasets[part], places)


def _size(value: Any) -> int:
    return value.nbytes if isinstance(value, Tensor) else 8


def reached(root: object) -> Iterator[object]:
    """Everything that can be reached by attributes and items, data sets not entered."""
    skipped = (type, ModuleType, FunctionType, str, bytes, int, float, torch.Generator)
    seen: set[int] = set()
    waiting: list[object] = [root]
    keep: list[object] = []
    while waiting:
        value = waiting.pop()
        if id(value) in seen or isinstance(value, skipped):
            continue
        seen.add(id(value))
        keep.append(value)  # a temporary that is gone would lend its id to another
        yield value
        if isinstance(value, Tensor | np.ndarray | AvalancheDataset | GeneratorType):
            continue
        if isinstance(value, dict):
            waiting += list(value.values())
        elif isinstance(value, list | tuple | set | frozenset):
            waiting += list(value)
        elif isinstance(value, MethodType):
            waiting.append(value.__self__)
        waiting += [it for name, it in getattr(value, "__dict__", {}).items() if not name.startswith(PASSING)]
