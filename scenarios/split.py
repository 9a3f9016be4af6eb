"""Split: the classes of a source dealt out to tasks."""

from pydantic import NonNegativeInt, PositiveInt

from scenarios.dealing import deal_classes, dealt
from scenarios.errors import RequestError
from scenarios.images import Active, Standardise, Validation, padded
from scenarios.scenario import register, shuffled
from scenarios.sources.source import Source
from scenarios.task import Kind, Scenario


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
) -> Scenario:
    """Each task brings its own classes, equally many.

    With kind "domain" the classes of every task share the same outputs (first class of the task or second),
    with "task" and "class" each class has an output of its own, numbered in the order of arrival.

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
    """
    source = padded(source, padding)
    count = len(source.labels)
    if tasks > count or count % tasks:
        fitting = [str(number) for number in range(1, count + 1) if count % number == 0]
        raise RequestError(
            f"split-{source.name}: {count} classes do not divide into {tasks} equal tasks: "
            f"tasks can be {', '.join(fitting)}"
        )
    size = count // tasks
    order = shuffled(list(range(count)), seed)
    groups = [order[index * size : (index + 1) * size] for index in range(tasks)]
    deals = deal_classes(source, groups, seed, validation=validation)
    return dealt(source, deals, kind=kind, active=active, standardise=standardise)
