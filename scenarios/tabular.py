"""Tabular: three tables of different questions, one after the other."""

from typing import Literal

from torch.nn.functional import pad

from scenarios.examples import TensorExamples
from scenarios.images import Active, Validation, hold_out
from scenarios.scenario import register, shuffled
from scenarios.sources.source import load_source
from scenarios.task import Scenario, Task

TABLES = ("iris", "wine", "breast-cancer")


@register("tabular", classes=8, tasks=3, sources=("iris", "wine", "breast-cancer"))
def tabular(
    seed: int | None,
    *,
    kind: Literal["task", "class"] = "task",
    active: Active = "seen",
    validation: Validation = 0.1,
) -> Scenario:
    """Each task is a table of its own: irises, wines and biopsies.

    Tables have different features: those of a narrow one are followed by zeros up to the number of the widest, 30.
    All are standardised, by the training examples of each table.

    Args:
        seed: draws the order of the tables and the validation examples; None keeps the order above.
        kind: what is known at test time; classes differ from table to table, so there is no kind "domain".
        active: with kind "class", which classes compete: those seen so far, or all from the start.
        validation: share of each class's training examples held out; "training" validates on the training examples.
    """
    sources = [load_source(name) for name in shuffled(list(TABLES), seed)]
    width = max(source.x.shape[1] for source in sources)
    tasks, tests = [], []
    shift = 0
    for index, source in enumerate(sources):
        x, test_x = (pad(part, (0, width - part.shape[1])) for part in source.in_memory)
        train, held = hold_out(source.y, validation, seed)
        tasks.append(
            Task(
                index,
                source.name,
                classes=tuple(range(shift, shift + len(source.labels))),
                original_classes=source.labels,
                training=TensorExamples(x[train], source.y[train], index, shift=shift),
                validation=TensorExamples(x[held], source.y[held], index, shift=shift),
            )
        )
        tests.append(TensorExamples(test_x, source.test_y, index, shift=shift))
        shift += len(source.labels)
    return Scenario(
        name="",
        kind=kind,
        input_shape=(width,),
        classes=shift,
        tasks=tuple(tasks),
        test=tuple(tests),
        active=active,
    )
