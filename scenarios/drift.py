"""Drift: images turn a little further with every example of one long stream."""

import hashlib
from typing import Annotated, Literal

import torch
from pydantic import Field, NonNegativeInt, PositiveInt
from torch import Tensor

from scenarios.errors import RequestError
from scenarios.examples import TensorExamples
from scenarios.images import Standardise, Validation, hold_out, padded, standardisation, text_digest
from scenarios.rotated import turned
from scenarios.scenario import register, usual
from scenarios.sources.source import Source
from scenarios.task import Scenario, Task

AT_ONCE = 4096
"""Images turned at a time when all are."""


class Drifting(TensorExamples):
    """Images each turned by an angle of its own when it is read, in the order of a stream.

    Args:
        x, y, task: as those of `TensorExamples`.
        places: where each image stands in the stretch, from 0 to 1, float64 [N].
        first, last: the angles at the beginning and at the end of the stretch, in degrees.
    """

    ordered = True

    def __init__(self, x: Tensor, y: Tensor, task: int, places: Tensor, first: float, last: float) -> None:
        super().__init__(x, y, task)
        self.places = places
        self.first = first
        self.last = last

    def angles(self, indices: Tensor) -> list[float]:
        """By how many degrees the images numbered `indices` are turned."""
        places: list[float] = self.places.index_select(0, indices).tolist()
        return [self.first + (self.last - self.first) * place for place in places]

    def batch(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        x, y = super().batch(indices)
        return (turned(x, self.angles(indices)) if len(x) else x), y

    def to(self, device: torch.device) -> TensorExamples:
        everything = torch.arange(len(self)).split(AT_ONCE) if len(self) else ()
        x = torch.cat([self.batch(torch.arange(0))[0], *(self.batch(part)[0] for part in everything)])
        held = TensorExamples(x.to(device), self.y.to(device), self.task.to(device))
        held.ordered = True
        return held

    def digest(self) -> str:
        places = hashlib.sha256(self.places.numpy().tobytes()).hexdigest()
        return text_digest(super().digest(), places, self.first, self.last)


@usual(epochs=1)
@register("drift")
def drift(
    images: Source,
    seed: int | None,
    *,
    kind: Literal["domain"] = "domain",
    tasks: PositiveInt = 10,
    degrees: Annotated[float, Field(gt=0, le=360)] = 180.0,
    validation: Validation = 0.1,
    standardise: Standardise = False,
    padding: NonNegativeInt = 0,
) -> Scenario:
    """One stream of images that turn a little further with every example; one pass, and no boundaries.

    The training examples, in an order drawn once, are the stream: example p of N, from 0, is turned
    counter-clockwise by degrees · p / N. They come in that order in every run, and each once. Tasks are equal
    stretches of the stream (to within one example), between which there is an evaluation and nothing else.

    A stretch is tested on all test images, turned by angles that are spread evenly over those of the stretch: with
    n images and a stretch from a to b, one is turned by a + (b − a) · (i + ½) / n, for every i from 0 to n − 1. Which
    image has which place is drawn once, and is the same in all stretches. Examples for validation are turned likewise.

    Args:
        images: where the examples come from.
        seed: draws the order of the stream, the angles of the test images and the examples for validation; None
            draws as seed 0, because in their natural order images may lie class by class.
        kind: what is known at test time: nothing, over the same classes.
        tasks: how many stretches.
        degrees: the angle that the stream reaches in the end.
        validation: share of each class's training examples held out; "training" validates on the training examples.
        standardise: subtract the mean and divide by the deviation of the source's training inputs, or of what else
            is given, as 0.1307/0.3081.
        padding: black pixels added on every side of the images first; 2 make 32×32 of 28×28, as some code does.
    """
    source = padded(images, padding)
    train, held = hold_out(source.y, validation, seed)
    if tasks > len(train):
        raise RequestError(f"drift-{source.name}: {len(train)} training examples do not make tasks={tasks} stretches")
    generator = torch.Generator().manual_seed(seed or 0)
    stream = train[torch.randperm(len(train), generator=generator)]
    x, test_x = source.in_memory
    held_x, held_y, held_places = x[held], source.y[held], _spread(len(held), generator)
    test_places = _spread(len(source.test_y), generator)
    classes = tuple(range(len(source.labels)))
    stretches, tests, begun = [], [], 0
    for index, part in enumerate(stream.tensor_split(tasks)):
        first, last = (degrees * place / len(stream) for place in (begun, begun + len(part)))
        places = torch.arange(len(part), dtype=torch.float64) / len(part)
        stretches.append(
            Task(
                index,
                f"{first:.4g}° to {last:.4g}°",
                classes,
                source.labels,
                training=Drifting(x[part], source.y[part], index, places, first, last),
                validation=Drifting(held_x, held_y, index, held_places, first, last),
            )
        )
        tests.append(Drifting(test_x, source.test_y, index, test_places, first, last))
        begun += len(part)
    return Scenario(
        name="",
        kind=kind,
        input_shape=source.input_shape,
        classes=len(classes),
        tasks=tuple(stretches),
        test=tuple(tests),
        standardise=standardisation(source.name, [source.x], standardise),
        boundaries=False,
        passes=1,
    )


def _spread(count: int, generator: torch.Generator) -> Tensor:
    """Places spread evenly between 0 and 1, in an order that is drawn: images may lie class by class."""
    return (torch.randperm(count, generator=generator).double() + 0.5) / max(1, count)
