"""Dealing a source's examples to tasks: what the families have in common whose tasks bring classes of their own."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from torch import Tensor

from scenarios.errors import RequestError
from scenarios.examples import TensorExamples
from scenarios.images import Active, Standardise, Validation, hold_out, standardisation
from scenarios.scenario import shuffled
from scenarios.sources.source import Source
from scenarios.task import Kind, Scenario, Task


@dataclass(frozen=True)
class Deal:
    """What one task is dealt of a source.

    Attributes:
        classes: numbers of the source's classes that it brings, in the order of their outputs.
        training, validation: numbers of examples among the source's training examples, of these classes.
        test: numbers of examples among the source's test examples, of these classes.
        name: of the task; None joins the names of its classes.
    """

    classes: tuple[int, ...]
    training: Tensor
    validation: Tensor
    test: Tensor
    name: str | None = None


def equal_sizes(what: str, classes: int, tasks: int) -> list[int]:
    """The number of classes of each of `tasks` tasks that bring equally many.

    Raises:
        RequestError: where they do not divide; it starts with `what`.
    """
    if tasks > classes or classes % tasks:
        fitting = [str(number) for number in range(1, classes + 1) if classes % number == 0]
        raise RequestError(
            f"{what}: {classes} classes do not divide into {tasks} equal tasks: tasks can be {', '.join(fitting)}"
        )
    return [classes // tasks] * tasks


def class_groups(sizes: Sequence[int], seed: int | None) -> list[list[int]]:
    """Classes in groups of these sizes, in the order that the seed draws; None keeps the natural order."""
    order = shuffled(list(range(sum(sizes))), seed)
    ends = list(accumulate(sizes))
    return [order[end - size : end] for end, size in zip(ends, sizes, strict=True)]


def deal_classes(
    source: Source, groups: Sequence[Sequence[int]], seed: int | None, *, validation: Validation
) -> list[Deal]:
    """A task for each group of classes, with all their examples; the seed draws those held out for validation.

    Raises:
        RequestError: where a class would keep no training example, or the validation set would be empty.
    """
    deals = []
    for group in groups:
        places = _places(source, group)
        y = places[source.y]
        members = (y >= 0).nonzero().squeeze(1)
        names = [source.labels[number] for number in group]
        training, held = (members[part] for part in hold_out(y[members], validation, seed, names))
        test = (places[source.test_y] >= 0).nonzero().squeeze(1)
        deals.append(Deal(tuple(group), training, held, test))
    return deals


def dealt(source: Source, deals: Sequence[Deal], *, kind: Kind, active: Active, standardise: Standardise) -> Scenario:
    """The scenario of tasks that were dealt so.

    With kind "domain" all tasks share outputs, first class of the task, second, …, as far as their number of
    classes goes. With "task" and "class" a class has an output of its own, numbered in the order of arrival,
    and keeps it where a later task brings it again.
    """
    arrived: dict[int, int] = {}
    tasks, tests = [], []
    for index, deal in enumerate(deals):
        for number in deal.classes:
            arrived.setdefault(number, len(arrived))
        outputs = [place if kind == "domain" else arrived[number] for place, number in enumerate(deal.classes)]
        output_of = _places(source, deal.classes, outputs)
        labels = tuple(source.labels[number] for number in deal.classes)
        training, validation = (
            TensorExamples(source.x[part], output_of[source.y[part]], index)
            for part in (deal.training, deal.validation)
        )
        name = "+".join(labels) if deal.name is None else deal.name
        tasks.append(Task(index, name, tuple(outputs), labels, training, validation))
        tests.append(TensorExamples(source.test_x[deal.test], output_of[source.test_y[deal.test]], index))
    return Scenario(
        name="",
        kind=kind,
        input_shape=source.input_shape,
        classes=max(len(deal.classes) for deal in deals) if kind == "domain" else len(arrived),
        tasks=tuple(tasks),
        test=tuple(tests),
        active=active,
        standardise=standardisation(source.name, [source.x], standardise),
    )


def dealt_equally(
    what: str,
    source: Source,
    tasks: int,
    seed: int | None,
    *,
    kind: Kind,
    active: Active,
    validation: Validation,
    standardise: Standardise,
) -> Scenario:
    """Tasks that bring equally many classes of their own, in the order that the seed draws, with all their examples.

    Raises:
        RequestError: where classes do not divide into tasks (it starts with `what`), or as `deal_classes`.
    """
    groups = class_groups(equal_sizes(what, len(source.labels), tasks), seed)
    deals = deal_classes(source, groups, seed, validation=validation)
    return dealt(source, deals, kind=kind, active=active, standardise=standardise)


def _places(source: Source, classes: Sequence[int], values: Sequence[int] | None = None) -> Tensor:
    """For every class of the source its place among `classes`, or its value of `values`; −1 where it is not there."""
    places = source.y.new_full((len(source.labels),), -1)
    places[list(classes)] = places.new_tensor(range(len(classes)) if values is None else values)
    return places
