"""Rotated: the same images turned by another angle for every task."""

import math
from collections.abc import Sequence
from typing import Annotated

import torch
from pydantic import Field, NonNegativeInt, PositiveInt
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from scenarios.images import Active, Standardise, Validation, padded, text_digest, transformed_tasks
from scenarios.scenario import register
from scenarios.sources.source import Source
from scenarios.task import Kind, Scenario


class Rotation:
    """Turns every image of a batch counter-clockwise about its centre, bilinearly, black beyond the edge."""

    def __init__(self, degrees: float) -> None:
        self.degrees = degrees

    def __call__(self, x: Tensor) -> Tensor:
        return turned(x, [self.degrees]) if self.degrees else x

    def digest(self) -> str:
        return text_digest("rotation", self.degrees)


def turned(x: Tensor, degrees: Sequence[float]) -> Tensor:
    """Images turned counter-clockwise about their centres, bilinearly, black beyond the edge.

    Args:
        x: images [B, channels, height, width].
        degrees: an angle for each of them, or one for all.
    """
    aspect = x.shape[-2] / x.shape[-1]
    # affine_grid maps output places to input places, in a frame whose vertical axis points down and
    # that reaches from −1 to 1 on either axis, however long.
    matrices = torch.tensor(
        [
            [
                [math.cos(angle), -math.sin(angle) * aspect, 0.0],
                [math.sin(angle) / aspect, math.cos(angle), 0.0],
            ]
            for angle in map(math.radians, degrees)
        ]
    )
    grid = affine_grid(matrices.to(x.device).expand(len(x), 2, 3), list(x.shape), align_corners=False)
    found = grid_sample(x.float(), grid, align_corners=False)
    return found.round().to(x.dtype) if x.dtype == torch.uint8 else found


@register("rotated")
def rotated(
    images: Source,
    seed: int | None,
    *,
    kind: Kind = "domain",
    tasks: PositiveInt = 10,
    degrees: Annotated[float, Field(gt=0, le=360)] = 180.0,
    active: Active = "seen",
    validation: Validation = 0.1,
    standardise: Standardise = False,
    padding: NonNegativeInt = 0,
) -> Scenario:
    """Each task sees all images turned by an angle of its own (Lopez-Paz & Ranzato 2017).

    Args:
        images: where the examples come from.
        seed: draws the angles evenly from [0, degrees) and the validation examples; None spaces the angles
            evenly, from 0.
        kind: what is known at test time; with "task" and "class" every task brings classes of its own.
        tasks: how many tasks.
        degrees: the range of angles.
        active: with kind "class", which classes compete: those seen so far, or all from the start.
        validation: share of each class's training examples held out; "training" validates on the training examples.
        standardise: subtract the mean and divide by the deviation of the source's training inputs, or of what else
            is given, as 0.1307/0.3081.
        padding: black pixels added on every side of the images first; 2 make 32×32 of 28×28, as some code does.
    """
    source = padded(images, padding)
    if seed is None:
        angles = [degrees * index / tasks for index in range(tasks)]
    else:
        generator = torch.Generator().manual_seed(seed)
        angles = [round(degrees * float(share), 2) for share in torch.rand(tasks, generator=generator)]
    return transformed_tasks(
        source,
        seed,
        [Rotation(angle) for angle in angles],
        [f"{angle:g}°" for angle in angles],
        kind=kind,
        active=active,
        validation=validation,
        standardise=standardise,
    )
