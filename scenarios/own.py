"""Scenarios of what one has in Python: tensors and torch data sets."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from scenarios.catalogue import SCENARIOS
from scenarios.errors import RequestError
from scenarios.examples import TensorExamples
from scenarios.images import Active, Validation, hold_out
from scenarios.options import bind, canonical, suggestion
from scenarios.rows import Inputs, Rows
from scenarios.sources.own.parts import check_finite, classes_of, drawn
from scenarios.sources.source import Source
from scenarios.task import Kind, Scenario, Task

Pair = tuple[Dataset[Any], Dataset[Any]]
"""Training and test part of a task."""


class DatasetRows(Rows):
    """The inputs of a torch `Dataset` of (input, label), each asked for when it is needed.

    Args:
        dataset: not empty; several threads may ask it at once.
        where: what an error calls it.
    """

    def __init__(self, dataset: Dataset[Any], where: str) -> None:
        self.dataset = dataset
        self.where = where
        count = len(dataset)  # type: ignore[arg-type]
        if not count:
            raise RequestError(f"{where} is empty: it should have examples of two classes or more")
        first = torch.as_tensor(dataset[0][0])
        if first.dtype not in (torch.uint8, torch.float32):
            raise RequestError(f"{where}: inputs are {first.dtype}: they should be uint8 (0 to 255) or float32")
        super().__init__([count, *first.shape], first.dtype)

    def read(self, numbers: Tensor) -> Tensor:
        x = torch.empty([len(numbers), *self.shape[1:]], dtype=self.dtype)
        for place, number in enumerate(numbers.tolist()):
            row = torch.as_tensor(self.dataset[number][0])
            if row.shape != self.shape[1:] or row.dtype != self.dtype:
                raise RequestError(f"{self.where}: example {number} is {row.dtype} {tuple(row.shape)}, not {self.told}")
            x[place] = row
        return x

    @property
    def told(self) -> str:
        """What an error says of one input."""
        return f"{self.dtype} {tuple(self.shape[1:])}"


def from_tensors(
    x: Tensor,
    y: Tensor,
    test: tuple[Tensor, Tensor] | float,
    family: str,
    seed: int | None,
    name: str,
    options: Mapping[str, Any],
) -> Scenario:
    """See `Scenario.from_tensors`."""
    given = test if isinstance(test, float) else (_checked(*test, f"{name}, test part"), test[1])
    return _of_family(_checked(x, y, name), y, given, family, seed, name, options)


def from_dataset(
    data: Dataset[Any], test: Dataset[Any] | float, family: str, seed: int | None, name: str, options: Mapping[str, Any]
) -> Scenario:
    """See `Scenario.from_dataset`."""
    given = test if isinstance(test, float) else _read(test, f"{name}, test part")
    return _of_family(*_read(data, name), given, family, seed, name, options)


def from_pairs(
    pairs: Sequence[Pair], kind: Kind, active: Active, validation: Validation, seed: int | None, name: str
) -> Scenario:
    """See `Scenario.from_pairs`."""
    if not pairs:
        raise RequestError(f"{name}: there should be a (train, test) pair for each task, but there are none")
    read = [
        (_read(train, f"{name}, task {index}"), _read(test, f"{name}, test part of task {index}"))
        for index, (train, test) in enumerate(pairs, 1)
    ]
    shared = sorted({label for (_, y), _ in read for label in y.tolist()})
    tasks, tests, arrived = [], [], 0
    for index, ((x, y), (test_x, test_y)) in enumerate(read):
        own = sorted(set(y.tolist()))
        if unknown := sorted(set(test_y.tolist()) - set(own)):
            raise RequestError(f"{test_x.where} has class {unknown[0]}, which its training part has not")
        if (x.shape[1:], x.dtype) != (read[0][0][0].shape[1:], read[0][0][0].dtype):
            raise RequestError(f"{x.where}: inputs are {x.told}, those of task 1 {read[0][0][0].told}")
        outputs = [shared.index(label) if kind == "domain" else arrived + place for place, label in enumerate(own)]
        arrived += len(own)
        output_of = dict(zip(own, outputs, strict=True))
        train, held = hold_out(y, validation, seed)
        y, test_y = (torch.tensor([output_of[label] for label in labels.tolist()]) for labels in (y, test_y))
        training, validating = (TensorExamples(x[part], y[part], index) for part in (train, held))
        tasks.append(Task(index, f"task {index + 1}", tuple(outputs), tuple(map(str, own)), training, validating))
        tests.append(TensorExamples(test_x, test_y, index))
    classes = len(shared) if kind == "domain" else arrived
    shape = tuple(read[0][0][0].shape[1:])
    return Scenario(name, kind, shape, classes, tuple(tasks), tuple(tests), active)


def _of_family(
    x: Inputs,
    y: Tensor,
    test: tuple[Inputs, Tensor] | float,
    family: str,
    seed: int | None,
    name: str,
    options: Mapping[str, Any],
) -> Scenario:
    """The tasks that a family makes of one data set."""
    entry = SCENARIOS.entries().get(family)
    if entry is None or not entry.takes_source:
        known = [each for each, entry in SCENARIOS.entries().items() if entry.takes_source]
        raise RequestError(f"there is no family {family!r}{suggestion(family, known)}")
    if isinstance(test, float):
        labels, numbers = classes_of(name, y.numpy())
        train, held = drawn(name, labels, numbers, test)
        source = Source(name, labels, x[train], numbers[train], x[held], numbers[held])
    else:
        for one, other in ((y, test[1]), (test[1], y)):
            if missing := sorted(set(one.tolist()) - set(other.tolist())):
                raise RequestError(f"{name}: class {missing[0]} is in one of training and test part, not in the other")
        labels, numbers = classes_of(name, torch.cat([y, test[1]]).numpy())
        source = Source(name, labels, x, numbers[: len(y)], test[0], numbers[len(y) :])
    builder = SCENARIOS.get(family)
    bound = bind(builder, f"{family} of {name}", options)
    return replace(builder(source, seed, **bound), name=canonical(f"{family}-{name}", builder, bound))


def _checked(x: Tensor, y: Tensor, where: str) -> Tensor:
    """Inputs as a scenario takes them."""
    if len(x) != len(y) or not len(x) or y.ndim != 1:
        raise RequestError(f"{where}: there are {len(x)} inputs, and labels of shape {tuple(y.shape)}: one for each")
    if y.is_floating_point() or y.is_complex() or int(y.min()) < 0:
        raise RequestError(f"{where}: labels are {y.dtype} from {y.min()}: they should be whole numbers from 0")
    if x.dtype not in (torch.uint8, torch.float32, torch.float64, torch.float16):
        raise RequestError(f"{where}: inputs are {x.dtype}: they should be uint8 (0 to 255) or float32")
    x = x if x.dtype == torch.uint8 else x.float()
    check_finite(where, x)
    return x


def _read(dataset: Dataset[Any], where: str) -> tuple[DatasetRows, Tensor]:
    """The inputs of a data set, to be read, and its labels, for which it is gone through once."""
    x = DatasetRows(dataset, where)
    y = []
    for number in range(len(x)):
        label = dataset[number][1]
        if int(label) != label or label < 0:
            raise RequestError(f"{where}: example {number} has label {label}: it should be a whole number from 0")
        y.append(int(label))
    return x, torch.tensor(y)
