"""Blurry: some classes are of one task alone, of the others a share leaks into all other tasks."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Literal

import torch
from pydantic import Field, NonNegativeInt
from torch import Generator, Tensor

from scenarios.dealing import Deal, deal_classes, dealt, equal_sizes
from scenarios.images import Active, Standardise, Validation, padded
from scenarios.scenario import register, shuffled, usual
from scenarios.sources.source import Source
from scenarios.task import Scenario


@usual(epochs=1)
@register("blurry")
def blurry(
    source: Source,
    seed: int | None,
    *,
    kind: Literal["class"] = "class",
    tasks: Annotated[int, Field(ge=2)] = 5,
    disjoint: Annotated[float, Field(ge=0, le=1)] = 0.5,
    blur: Annotated[float, Field(ge=0, lt=1)] = 0.1,
    active: Active = "seen",
    validation: Validation = 0.1,
    standardise: Standardise = False,
    padding: NonNegativeInt = 0,
) -> Scenario:
    """A share of the classes leaks into all other tasks, every example passes once (Koh et al. 2022, i-Blurry).

    Their i-Blurry-N-M: round(N · C) of the C classes are disjoint. Every class, disjoint or blurry, has a task that is
    its home; tasks are home to equally many, and to equally many disjoint ones as far as these go round. Of the n
    training examples of a blurry class, round(M · n) (but never the last one), drawn at random, leave home and are
    dealt evenly to the other tasks, earlier ones included. Nobody says where a task ends, and there is one pass.

    A task is tested, and validated, on all examples for that of the classes whose home it is. A class has arrived, and
    competes with active "seen", from the first task that has a training example of it.

    Args:
        source: where the examples come from.
        seed: draws the order of classes, the examples that leak and those for validation; None keeps the natural
            order, and draws as seed 0.
        kind: what is known at test time: nothing, as classes have no task of their own.
        tasks: how many tasks; it must divide the number of classes.
        disjoint: N, the share of classes that are in their home alone.
        blur: M, the share of the examples of each other class that leave home.
        active: which classes compete: those seen so far, or all from the start.
        validation: share of each class's training examples held out, before any leaks; "training" validates on the
            training examples.
        standardise: subtract the mean and divide by the deviation of the source's training inputs, or of what else
            is given, as 0.1307/0.3081.
        padding: black pixels added on every side of the images first; 2 make 32×32 of 28×28, as some code does.
    """
    source = padded(source, padding)
    homes, blurred = _homes(source, tasks, disjoint, seed)
    deals = deal_classes(source, homes, seed, validation=validation)
    training = _blurred(source.y, deals, blurred, blur, Generator().manual_seed(seed or 0))
    mixed = [_of_home(source, *each, blurred) for each in zip(deals, training, strict=True)]
    scenario = dealt(source, mixed, kind=kind, active=active, standardise=standardise)
    return replace(scenario, boundaries=False, passes=1)


def _homes(source: Source, tasks: int, disjoint: float, seed: int | None) -> tuple[list[list[int]], set[int]]:
    """The classes at home in each task, and those of all that are blurry.

    Raises:
        RequestError: where classes do not divide into tasks.
    """
    size = equal_sizes(f"blurry-{source.name}", len(source.labels), tasks)[0]
    order = shuffled(list(range(len(source.labels))), seed)
    alone = round(disjoint * len(order))
    first, rest = iter(order[:alone]), iter(order[alone:])
    homes = []
    for index in range(tasks):
        own = [next(first) for _ in range(alone // tasks + (index < alone % tasks))]
        homes.append([*own, *(next(rest) for _ in range(size - len(own)))])
    return homes, set(order[alone:])


def _blurred(y: Tensor, deals: Sequence[Deal], blurred: set[int], blur: float, generator: Generator) -> list[Tensor]:
    """The training examples of each task once a share of every blurry class has gone to other tasks."""
    found: list[list[Tensor]] = [[] for _ in deals]
    for index, deal in enumerate(deals):
        for number in deal.classes:
            members = deal.training[y[deal.training] == number]
            leaving = min(round(blur * len(members)), len(members) - 1) if number in blurred else 0
            mixed = members[torch.randperm(len(members), generator=generator)]
            found[index].append(mixed[leaving:])
            # In an order of their own, so that what does not go round falls to any of them.
            others = [other for other in torch.randperm(len(deals), generator=generator).tolist() if other != index]
            for place, other in enumerate(others):
                found[other].append(mixed[:leaving][place :: len(others)])
    return [torch.cat(parts).sort().values for parts in found]


def _of_home(source: Source, home: Deal, training: Tensor, blurred: set[int]) -> Deal:
    """A task with these training examples; it brings its own classes, and the others of which it has an example."""
    guests = sorted(blurred & set(source.y[training].tolist()) - set(home.classes))
    name = "+".join(source.labels[number] for number in home.classes)
    return replace(home, classes=(*home.classes, *guests), training=training, name=name)
