"""What every source of examples gives: one labelled training set and one test set."""

import ast
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from scenarios.catalogue import SOURCES, modality, source_shape
from scenarios.errors import RequestError

if TYPE_CHECKING:  # modules of sources are imported to list where their data is, which needs no torch
    from torch import Tensor

    from scenarios.rows import Inputs


@dataclass(frozen=True)
class Source:
    """A labelled data set; its labels are in memory, its inputs in memory or in files (`Rows`).

    Attributes:
        name: as in the names of scenarios made from it (`split-NAME`).
        labels: what its classes are called, in the order of their numbers.
        x, y: training inputs and class numbers [N]. Inputs are images, uint8 [N, channels, height, width]; signals,
            float32 [N, 1, length]; or tables, float32 [N, features]. They are in memory, or rows that are read from
            files.
        test_x, test_y: the same for the test examples.
    """

    name: str
    labels: tuple[str, ...]
    x: "Inputs"
    y: "Tensor"
    test_x: "Inputs"
    test_y: "Tensor"

    @property
    def input_shape(self) -> tuple[int, ...]:
        return tuple(self.x.shape[1:])

    @property
    def in_memory(self) -> "tuple[Tensor, Tensor]":
        """Its inputs, training and test.

        Raises:
            RequestError: where they are in files.
        """
        from torch import Tensor

        if isinstance(self.x, Tensor) and isinstance(self.test_x, Tensor):
            return self.x, self.test_x
        raise RequestError(f"{self.name} is too large for this: its inputs stay in their files")

    def with_inputs(self, change: "Callable[[Tensor], Tensor]") -> "Source":
        """The source with all its inputs changed by a function of [N, …].

        Raises:
            RequestError: where they are in files.
        """
        x, test_x = map(change, self.in_memory)
        return replace(self, x=x, test_x=test_x)

    @property
    def modality(self) -> str:
        """What its inputs are: "images", "signals" or "tables"."""
        return modality(self.input_shape)

    @property
    def statistics(self) -> tuple[float, float]:
        """Mean and standard deviation of the training inputs: of bytes on the scale [0, 1], of floats as they are."""
        from scenarios.rows import statistics

        return statistics([self.x])


register = SOURCES.register


@lru_cache(maxsize=4)
def load_source(name: str, root: Path | None = None) -> Source:
    """The source called `name`, read and checked once a process.

    Raises:
        RequestError: where there is none of that name, its data cannot be had, or is not as it should be.
    """
    source = checked(SOURCES.get(name)(root))
    entry = SOURCES.entries().get(name)
    if entry is None:  # one of a family's, which declares nothing of its members
        return source
    classes = ast.literal_eval(entry.attribute("classes") or "None")
    shape = source_shape(name)
    if classes not in {None, len(source.labels)}:
        raise RequestError(f"{name} has {len(source.labels)} classes, but {entry.module} declares {classes}")
    if shape and shape != source.input_shape:
        raise RequestError(f"{name} has inputs of shape {source.input_shape}, but {entry.module} declares {shape}")
    return source


def checked(source: Source) -> Source:
    """The source, where its examples are as the attributes of `Source` say.

    Raises:
        RequestError: for labels that are no numbers of classes, inputs that are no numbers, counts that differ, or a
            class without examples; it names the example.
    """
    name, count = source.name, len(source.labels)
    if twice := [label for label, times in Counter(source.labels).items() if times > 1]:
        raise RequestError(f"{name}: two classes are called {twice[0]!r}")
    if not count:
        raise RequestError(f"{name} has no classes")
    if source.x.shape[1:] != source.test_x.shape[1:] or source.x.dtype != source.test_x.dtype:
        raise RequestError(
            f"{name}: training inputs are {source.x.dtype} of shape {tuple(source.x.shape[1:])}, "
            f"test inputs {source.test_x.dtype} of {tuple(source.test_x.shape[1:])}: they should be alike"
        )
    inputs, test_inputs = source.in_memory
    for part, x, y in (("training", inputs, source.y), ("test", test_inputs, source.test_y)):
        if len(x) != len(y):
            raise RequestError(f"{name} has {len(x)} {part} inputs, but {len(y)} labels")
        _check_inputs(name, part, x)
        _check_labels(source, part, y)
    return source


def _check_inputs(name: str, part: str, x: "Tensor") -> None:
    import torch

    if x.dtype != torch.uint8 and x.dtype != torch.float32:
        raise RequestError(f"{name}: {part} inputs are {x.dtype}: they should be uint8 or float32")
    if not 2 <= x.ndim <= 4:
        raise RequestError(
            f"{name}: {part} inputs have shape {tuple(x.shape)}: it should be [examples, features], "
            "[examples, 1, length] or [examples, channels, height, width]"
        )
    if x.dtype == torch.float32:
        wrong = (~torch.isfinite(x)).flatten(1).any(1).nonzero()
        if len(wrong):
            raise RequestError(f"{name}: {part} example {int(wrong[0])} (from 0) holds NaN or infinity")


def _check_labels(source: Source, part: str, y: "Tensor") -> None:
    name, count = source.name, len(source.labels)
    if y.ndim != 1:
        raise RequestError(f"{name}: {part} labels have shape {tuple(y.shape)}: one number an example is wanted")
    if y.is_floating_point() or y.is_complex() or y.dtype.itemsize == 0:
        raise RequestError(f"{name}: {part} labels are {y.dtype}: whole numbers are wanted")
    wrong = ((y < 0) | (y >= count)).nonzero()
    if len(wrong):
        at = int(wrong[0])
        raise RequestError(f"{name}: {part} example {at} (from 0) has label {int(y[at])}: labels are 0 to {count - 1}")
    empty = (y.long().bincount(minlength=count) == 0).nonzero()
    if len(empty):
        raise RequestError(f"{name}: class {source.labels[int(empty[0])]!r} has no {part} example")
