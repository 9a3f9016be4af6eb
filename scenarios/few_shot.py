"""Few-shot: a first task with many examples, then tasks with a handful of each class."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor

from scenarios.dealing import Deal, class_groups, deal_classes, dealt
from scenarios.errors import RequestError
from scenarios.images import Active, Standardise, Validation, padded
from scenarios.scenario import register
from scenarios.sources.source import Source
from scenarios.task import Kind, Scenario

FIRST = 0.6
"""Share of the classes in the first task where nothing is said, as in the paper."""


@register("few-shot")
def few_shot(
    source: Source,
    seed: int | None,
    *,
    kind: Kind = "class",
    first: PositiveInt | None = None,
    way: PositiveInt = 2,
    shots: PositiveInt = 5,
    active: Active = "seen",
    validation: Validation = 0.1,
    standardise: Standardise = False,
    padding: NonNegativeInt = 0,
) -> Scenario:
    """A first task with all its examples, then tasks with a few examples of each class (Tao et al. 2020).

    Their CIFAR-100 is `few-shot-cifar100:first=60,way=5,shots=5`. Test sets are whole.

    The examples for validation are held out of all examples of a class first, and the shots are drawn from the
    others: a task has its number of shots whatever the share. So that few examples stay few, no more than
    `shots` of a class are kept for validation after the first task.

    Args:
        source: where the examples come from.
        seed: draws the order of classes, the shots and the validation examples; None keeps the natural order.
        kind: what is known at test time; with "domain" the classes of every task share the first outputs.
        first: number of classes of the first task; None is three fifths, or a few more so that the rest divides.
        way: number of classes of each task after it.
        shots: training examples of each class after the first task.
        active: with kind "class", which classes compete: those seen so far, or all from the start.
        validation: share of each class's training examples held out; "training" validates on the training examples.
        standardise: subtract the mean and divide by the deviation of the source's training inputs, or of what else
            is given, as 0.1307/0.3081.
        padding: black pixels added on every side of the images first; 2 make 32×32 of 28×28, as some code does.
    """
    source = padded(source, padding)
    groups = class_groups(_sizes(source, first, way), seed)
    base, *deals = deal_classes(source, groups, seed, validation=validation)
    generator = torch.Generator().manual_seed(seed or 0)
    few = [_few(source, deal, shots, validation, generator) for deal in deals]
    return dealt(source, [base, *few], kind=kind, active=active, standardise=standardise)


def _sizes(source: Source, first: int | None, way: int) -> list[int]:
    """How many classes each task brings."""
    count = len(source.labels)
    if first is None:
        first = count - max(1, int(count * (1 - FIRST)) // way) * way
    rest = count - first
    if first < 1 or rest < way or rest % way:
        raise RequestError(
            f"few-shot-{source.name}: {count} classes are no first task of {first} and tasks of way={way}: "
            "first and a multiple of way should be all classes"
        )
    return [first, *[way] * (rest // way)]


def _few(source: Source, deal: Deal, shots: int, validation: Validation, generator: torch.Generator) -> Deal:
    """The same classes with so many training examples each, and at most as many for validation.

    Raises:
        RequestError: where a class has fewer.
    """
    training, names = source.y[deal.training], source.labels
    for number in deal.classes:
        left = int((training == number).sum())
        if left < shots:
            raise RequestError(
                f"few-shot-{source.name}: class {names[number]} has {left} training examples beside those for "
                f"validation, and shots={shots} are asked for"
            )
    chosen = _drawn(source.y, deal.training, deal.classes, shots, generator)
    held = chosen if validation == "training" else _drawn(source.y, deal.validation, deal.classes, shots, generator)
    return replace(deal, training=chosen, validation=held)


def _drawn(y: Tensor, members: Tensor, classes: Sequence[int], most: int, generator: torch.Generator) -> Tensor:
    """At most so many members of each class, in their own order."""
    mixed = members[torch.randperm(len(members), generator=generator)]
    return torch.cat([mixed[y[mixed] == number][:most] for number in classes]).sort().values
