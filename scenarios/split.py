"""Split: the classes of a source dealt out to tasks."""

from typing import Annotated

from pydantic import Field, NonNegativeInt, PositiveInt

from scenarios.dealing import class_groups, deal_classes, dealt, equal_sizes
from scenarios.errors import RequestError
from scenarios.images import Active, Standardise, Validation, padded
from scenarios.scenario import register
from scenarios.sources.source import Source
from scenarios.task import Kind, Scenario

Sizes = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,5}(\+[1-9][0-9]{0,5})*$", max_length=5000)]
"""Numbers of classes, as 5+3+2."""


@register("split")
def split(
    source: Source,
    seed: int | None,
    *,
    kind: Kind = "task",
    tasks: PositiveInt = 5,
    active: Active = "seen",
    validation: Validation = 0.1,
    standardise: Standardise = False,
    padding: NonNegativeInt = 0,
    first: PositiveInt | None = None,
    sizes: Sizes | None = None,
) -> Scenario:
    """Each task brings its own classes, equally many.

    With kind "domain" the classes of every task share the same outputs (first class of the task or second, …; a
    task with fewer classes uses the first outputs alone), with "task" and "class" each class has an output of its
    own, numbered in the order of arrival.

    Class-incremental CIFAR-100 with half of the classes in its first task (Hou et al. 2019) is
    `split-cifar100:class,tasks=6,first=50`.

    Args:
        source: where the examples come from.
        seed: draws the order of classes and the validation examples; None keeps the natural order.
        kind: what is known at test time.
        tasks: how many tasks; it must divide the number of classes.
        active: with kind "class", which classes compete: those seen so far, or all from the start.
        validation: share of each class's training examples held out; "training" validates on the training examples.
        standardise: subtract the mean and divide by the deviation of the source's training inputs, or of what else
            is given, as 0.1307/0.3081.
        padding: black pixels added on every side of the images first; 2 make 32×32 of 28×28, as some code does.
        first: number of classes of the first task; the other tasks share out the rest equally.
        sizes: number of classes of each task, as 5+3+2, in place of `tasks` and `first`.
    """
    source = padded(source, padding)
    groups = class_groups(_sizes(source, tasks, first, sizes), seed)
    deals = deal_classes(source, groups, seed, validation=validation)
    return dealt(source, deals, kind=kind, active=active, standardise=standardise)


def _sizes(source: Source, tasks: int, first: int | None, sizes: str | None) -> list[int]:
    """How many classes each task brings.

    Raises:
        RequestError: where these are not all classes of the source.
    """
    what, count = f"split-{source.name}", len(source.labels)
    if sizes is not None:
        if first is not None:
            raise RequestError(f"{what}: give first={first} or sizes={sizes}, not both")
        numbers = [int(size) for size in sizes.split("+")]
        if sum(numbers) != count:
            raise RequestError(f"{what}: sizes={sizes} adds up to {sum(numbers)} classes, but there are {count}")
        return numbers
    if first is None:
        return equal_sizes(what, count, tasks)
    if tasks < 2 or first >= count:
        raise RequestError(
            f"{what}: first={first} with tasks={tasks} leaves nothing for later tasks: "
            f"first can be up to {count - 1} of the {count} classes, and tasks 2 or more"
        )
    rest = count - first
    if tasks - 1 > rest or rest % (tasks - 1):
        fitting = [str(number + 1) for number in range(1, rest + 1) if rest % number == 0]
        raise RequestError(
            f"{what}: the {rest} classes after the first {first} do not divide into {tasks - 1} equal tasks: "
            f"tasks can be {', '.join(fitting)}"
        )
    return [first, *[rest // (tasks - 1)] * (tasks - 1)]
