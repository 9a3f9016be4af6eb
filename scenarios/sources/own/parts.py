"""What all formats share: classes from labels, and a test part."""

from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from scenarios.errors import RequestError
from scenarios.rows import Inputs
from scenarios.sources.source import Source

Share = Annotated[float, Field(gt=0, lt=1)]


def classes_of(where: str, values: NDArray[Any]) -> tuple[tuple[str, ...], Tensor]:
    """Names of the classes, in order, and the class number of each example.

    Args:
        where: what an error begins with.
        values: labels, whole numbers or text.

    Raises:
        RequestError: where there is one class alone.
    """
    found, numbers = np.unique(values, return_inverse=True)
    if len(found) < 2:
        raise RequestError(f"{where} has one class alone ({found[0]}): there should be two or more")
    return tuple(str(each) for each in found), torch.from_numpy(numbers.astype(np.int64))


def source_of(where: str, labels: tuple[str, ...], x: Inputs, y: Tensor, share: float) -> Source:
    """A source whose test part is drawn from all its examples: a share of each class, the same for everybody.

    Raises:
        RequestError: where a class has too few examples for that.
    """
    train, test = drawn(where, labels, y, share)
    return Source(where, labels, x[train], y[train], x[test], y[test])


def drawn(where: str, labels: tuple[str, ...], y: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """Numbers of the examples for training and for testing."""
    generator = torch.Generator().manual_seed(0)
    testing = torch.zeros(len(y), dtype=torch.bool)
    for number, label in enumerate(labels):
        members = (y == number).nonzero().squeeze(1)
        kept = max(1, round(share * len(members)))
        if kept >= len(members):
            raise RequestError(
                f"{where}: class {label} has {len(members)} example{'s'[: len(members) != 1]}: test={share} of each "
                "class leaves none to train on; it needs more, or a smaller share"
            )
        testing[members[torch.randperm(len(members), generator=generator)[:kept]]] = True
    return (~testing).nonzero().squeeze(1), testing.nonzero().squeeze(1)


def check_finite(where: str, x: Inputs, first: int = 0) -> None:
    """Make sure that no input is NaN or infinite.

    Args:
        where: what an error begins with.
        x: the inputs.
        first: the number of the first row, as people see it.

    Raises:
        RequestError: where one is; it says in which row.
    """
    from scenarios.rows import parts_of

    if x.dtype == torch.uint8:
        return
    done = first
    for part in parts_of(x):
        good = part.flatten(1).isfinite().all(1)
        if not bool(good.all()):
            row = done + int((~good).nonzero()[0])
            raise RequestError(f"{where}: row {row} holds NaN or infinity: all inputs should be numbers")
        done += len(part)
