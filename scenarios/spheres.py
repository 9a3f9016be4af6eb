"""Spheres: two of them in many dimensions, with one centre, and as many examples as are asked for."""

import copy
import hashlib
from collections.abc import Iterator
from itertools import repeat
from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import Field, PositiveInt
from torch import Tensor

from scenarios.errors import RequestError
from scenarios.examples import Examples
from scenarios.images import text_digest
from scenarios.scenario import register, usual
from scenarios.task import Scenario, Task

INNER = 1.0
"""Radius of the inner sphere."""

BLOCK = 16
"""Examples that are drawn at once: fewer take longer in their order, more take longer out of it."""

TOGETHER = 512
"""Examples that are read at once: batches end within blocks, and a block is drawn again for the batch after it."""

VALIDATION, TEST = 1000, 10_000
"""How many examples of each task there are to validate and to test on."""


class Spheres(Examples):
    """Points on two spheres, drawn when they are read: none is held, and each is the same whenever it is asked for.

    Points come in blocks. A block begins at a place of its own in the stream of a counter-based generator (Philox,
    Salmon et al. 2011), which is 2^64 numbers long: no two blocks share any.

    Args:
        stream: which points: other words, other points.
        count: how many.
        dimension: of the space.
        radii: of the inner and of the outer sphere.
        outputs: the labels of the inner and of the outer sphere.
        task: the task that all belong to.
    """

    ordered = True  # They are independent: another order would be no other stream, only slower.

    def __init__(
        self,
        stream: str,
        count: int,
        dimension: int,
        radii: tuple[float, float],
        outputs: tuple[int, int] = (0, 1),
        task: int = 0,
    ) -> None:
        self.stream = stream
        self.count = count
        self.dimension = dimension
        self.radii = radii
        self.outputs = outputs
        self.task = torch.tensor([task])

    def __len__(self) -> int:
        return self.count

    def fresh(self, purpose: str, count: int) -> "Spheres":
        """Other points on the same spheres."""
        other = copy.copy(self)
        other.stream, other.count = f"{self.stream} {purpose}", count
        return other

    def batch(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        indices = indices.cpu()
        if len(indices) and not 0 <= int(indices.min()) <= int(indices.max()) < self.count:
            raise IndexError(f"there are {self.count} examples, from 0 to {self.count - 1}")
        blocks, which = (indices // BLOCK).unique(return_inverse=True)
        drawn = [self._block(block) for block in blocks.tolist()]
        if not drawn:
            return torch.empty(0, self.dimension), torch.empty(0, dtype=torch.long)
        rows = which * BLOCK + indices % BLOCK
        x, y = (torch.from_numpy(np.concatenate(parts))[rows] for parts in zip(*drawn, strict=True))
        return x, y

    def _block(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Points [BLOCK, dimension] and labels [BLOCK]."""
        key = int.from_bytes(hashlib.sha256(self.stream.encode()).digest()[:16], "big")
        draw = np.random.Generator(np.random.Philox(key=key, counter=number << 64))
        outer = draw.integers(2, size=BLOCK)
        # A Gaussian has no preferred direction, so that its own direction is even on the sphere.
        x = draw.standard_normal((BLOCK, self.dimension), dtype=np.float32)
        x *= (np.array(self.radii)[outer] / np.linalg.norm(x.astype(np.float64), axis=1)).astype(np.float32)[:, None]
        return x, np.array(self.outputs)[outer]

    def batches(self, order: Tensor, size: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        for x, y, task in super().batches(order, size * max(1, TOGETHER // size)):
            yield from zip(x.split(size), y.split(size), repeat(task))

    def digest(self) -> str:
        place = (self.dimension, self.radii, self.outputs, int(self.task))
        return text_digest("spheres", self.stream, self.count, *place)


@usual(network="mlp:1000x1000", optimizer="adam", lr=0.0001, batch_size=50, iterations=2000)
@register("spheres", classes=2, tasks=1, data="drawn when asked for")
def spheres(
    seed: int | None,
    *,
    kind: Literal["task", "domain"] = "task",
    radii: Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?(\+[0-9]+(\.[0-9]+)?)*$")] = "1.3",
    dimension: Annotated[int, Field(ge=2, le=500)] = 500,
    examples: PositiveInt = 1_000_000,
) -> Scenario:
    """Whether a point is on a sphere of radius 1 or on a larger one around it, in 500 dimensions (Gilmer et al. 2018).

    One task is theirs. In a sequence, each task has an outer sphere of its own, and the inner sphere is the same in
    all of them. So no two tasks contradict each other: who puts the border between 1 and the smallest radius is right
    in all, and what is lost on the way was not bound to be. With class-incremental learning it would be: the inner
    sphere would have to be several classes at once.

    Examples are drawn when they are read, and training takes them in their order: a pass has no example twice.

    It is usually run with what the paper trained: two hidden layers of 1000 units, Adam, batches of 50. But theirs has
    batch normalisation, which `mlp` has not, and learned from 50 million points in a million steps, where 2,000 are the
    default here. Of the network `quadratic`, which wants a larger rate (`--network quadratic --lr 0.01`), the property
    `analytic-error` knows the error exactly.

    Args:
        seed: draws the points, others in each run with `--class-order seed`; None draws those of seed 0.
        kind: what is known at test time; with "task" every task has two outputs of its own.
        radii: of the outer spheres, one a task, as 1.3+1.6+2.
        dimension: of the space.
        examples: how many there are of each task to train on, half of them on either sphere on average; to validate
            and to test there are 1,000 and 10,000 others.
    """
    outer = _outer_radii(radii)
    tasks, tests = [], []
    for index, radius in enumerate(outer):
        outputs = (0, 1) if kind == "domain" else (2 * index, 2 * index + 1)
        training, validation, test = (
            Spheres(f"{split} {index} {seed or 0}", count, dimension, (INNER, radius), outputs, index)
            for split, count in (("training", examples), ("validation", VALIDATION), ("test", TEST))
        )
        tasks.append(Task(index, f"R = {radius:g}", outputs, ("inner", "outer"), training, validation))
        tests.append(test)
    return Scenario(
        name="",
        kind=kind,
        input_shape=(dimension,),
        classes=2 if kind == "domain" else 2 * len(outer),
        tasks=tuple(tasks),
        test=tuple(tests),
    )


def _outer_radii(text: str) -> list[float]:
    """The radii of the outer spheres.

    Raises:
        RequestError: where one is not around the inner sphere, or is there twice.
    """
    found = [float(radius) for radius in text.split("+")]
    for radius in found:
        if not 1.001 <= radius <= 1000:
            raise RequestError(
                f"spheres: radii={text}: the inner sphere has radius 1, so {radius:g} is not possible: "
                "the radius of an outer one is from 1.001 to 1000"
            )
    if len(set(found)) < len(found):
        raise RequestError(f"spheres: radii={text} names one twice: a task each, as 1.3+1.6+2")
    return found
