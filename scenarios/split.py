"""Split: the classes of a source dealt out to tasks."""

from pydantic import NonNegativeInt, PositiveInt

from scenarios.errors import RequestError
from scenarios.images import Active, Standardise, Validation, hold_out, padded, standardisation
from scenarios.scenario import register, shuffled
from scenarios.sources.source import Source
from scenarios.task import Kind, Scenario, Task, TensorExamples


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
    parts, tests = [], []
    for index in range(tasks):
        originals = order[index * size : (index + 1) * size]
        shift = 0 if kind == "domain" else index * size
        outputs = source.y.new_full((count,), -1)
        outputs[originals] = outputs.new_tensor(range(shift, shift + size))
        y, test_y = outputs[source.y], outputs[source.test_y]
        members = (y >= 0).nonzero().squeeze(1)
        train, held = (members[part] for part in hold_out(y[members], validation, seed))
        tested = test_y >= 0
        parts.append(
            Task(
                index,
                name="+".join(source.labels[original] for original in originals),
                classes=tuple(range(shift, shift + size)),
                original_classes=tuple(source.labels[original] for original in originals),
                training=TensorExamples(source.x[train], y[train], index),
                validation=TensorExamples(source.x[held], y[held], index),
            )
        )
        tests.append(TensorExamples(source.test_x[tested], test_y[tested], index))
    return Scenario(
        name="",
        kind=kind,
        input_shape=source.input_shape,
        classes=size if kind == "domain" else count,
        tasks=tuple(parts),
        test=tuple(tests),
        active=active,
        standardise=standardisation(source, standardise),
    )
