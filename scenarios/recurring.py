"""Recurring: the tasks of a split come back, so that relearning can be measured."""

from dataclasses import replace
from typing import Annotated

from pydantic import Field, NonNegativeInt, PositiveInt

from scenarios.dealing import dealt_equally
from scenarios.examples import Examples, TensorExamples
from scenarios.images import Active, Standardise, Validation, padded
from scenarios.scenario import register
from scenarios.sources.source import Source
from scenarios.task import Kind, Scenario, Task


@register("recurring")
def recurring(
    source: Source,
    seed: int | None,
    *,
    kind: Kind = "task",
    tasks: PositiveInt = 5,
    visits: Annotated[int, Field(ge=2)] = 2,
    active: Active = "seen",
    validation: Validation = 0.1,
    standardise: Standardise = False,
    padding: NonNegativeInt = 0,
) -> Scenario:
    """The tasks of a split come back, all in their order, with the same examples (after Ebbinghaus 1885).

    With tasks=3 and visits=2 the sequence is A B C A B C. A visit is a task of its own, with an index of its own, and
    no strategy is told that it knows it already; but classes and outputs are those of the first visit. So are
    the examples: what a return needs less is what was kept, as in relearning a list of syllables. The metrics
    `relearning` and `savings` compare each return with the first visit.

    Args:
        source: where the examples come from.
        seed: draws the order of classes and the validation examples; None keeps the natural order.
        kind: what is known at test time; with "domain" the classes of every task share the same outputs.
        tasks: how many different tasks; it must divide the number of classes.
        visits: how often each of them comes.
        active: with kind "class", which classes compete: those seen so far, or all from the start.
        validation: share of each class's training examples held out; "training" validates on the training examples.
        standardise: subtract the mean and divide by the deviation of the source's training inputs, or of what else
            is given, as 0.1307/0.3081.
        padding: black pixels added on every side of the images first; 2 make 32×32 of 28×28, as some code does.
    """
    source = padded(source, padding)
    what = f"recurring-{source.name}"
    once = dealt_equally(
        what, source, tasks, seed, kind=kind, active=active, validation=validation, standardise=standardise
    )
    sequence, tests = list(once.tasks), list(once.test)
    for visit in range(2, visits + 1):
        for task, test in zip(once.tasks, once.test, strict=True):
            sequence.append(_again(task, len(sequence), visit))
            tests.append(_as_task(test, len(tests)))
    return replace(once, tasks=tuple(sequence), test=tuple(tests))


def _again(task: Task, index: int, visit: int) -> Task:
    """A further visit to a task."""
    return replace(
        task,
        index=index,
        name=f"{task.name}, visit {visit}",
        training=_as_task(task.training, index),
        validation=_as_task(task.validation, index),
        returns=task.index,
    )


def _as_task(examples: Examples, index: int) -> TensorExamples:
    """The same examples, in the same memory, as those of another task."""
    assert isinstance(examples, TensorExamples)
    return TensorExamples(examples.x, examples.y, index)
