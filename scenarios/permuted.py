"""Permuted: the same images with their pixels in another order for every task."""

import math

import torch
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor

from scenarios.images import Active, Standardise, Validation, padded, text_digest, transformed_tasks
from scenarios.scenario import register
from scenarios.sources.source import Source
from scenarios.task import Kind, Scenario


class Permutation:
    """Reorders the pixels of every image of a batch in one fixed way."""

    def __init__(self, order: Tensor) -> None:
        self.order = order

    def __call__(self, x: Tensor) -> Tensor:
        return x.flatten(1).index_select(1, self.order.to(x.device)).view_as(x)

    def digest(self) -> str:
        return text_digest("permutation", self.order.tolist())


@register("permuted")
def permuted(
    source: Source,
    seed: int | None,
    *,
    kind: Kind = "domain",
    tasks: PositiveInt = 10,
    active: Active = "seen",
    validation: Validation = 0.1,
    standardise: Standardise = False,
    padding: NonNegativeInt = 0,
) -> Scenario:
    """Each task sees all images through a permutation of the pixels of its own (the first task as well).

    Goodfellow et al. 2013 introduced it, Kirkpatrick et al. 2017 made it a standard.

    Args:
        source: where the examples come from.
        seed: draws the permutations and the validation examples; None is seed 0.
        kind: what is known at test time; with "task" and "class" every task brings classes of its own.
        tasks: how many tasks.
        active: with kind "class", which classes compete: those seen so far, or all from the start.
        validation: share of each class's training examples held out; "training" validates on the training examples.
        standardise: subtract the mean and divide by the deviation of the source's training inputs, or of what else
            is given, as 0.1307/0.3081.
        padding: black pixels added on every side of the images first; 2 make 32×32 of 28×28, as some code does.
    """
    source = padded(source, padding)
    generator = torch.Generator().manual_seed(seed or 0)
    pixels = math.prod(source.input_shape)
    return transformed_tasks(
        source,
        seed,
        [Permutation(torch.randperm(pixels, generator=generator)) for _ in range(tasks)],
        [f"permutation {index + 1}" for index in range(tasks)],
        kind=kind,
        active=active,
        validation=validation,
        standardise=standardise,
    )
