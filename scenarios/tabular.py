"""Tabular: three tables of different questions, one after the other."""

from typing import Literal

from torch.nn.functional import pad

from scenarios.images import Active, Validation, source_tasks
from scenarios.scenario import register, shuffled
from scenarios.sources.source import load_source
from scenarios.task import Scenario

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
    wide = [source.with_inputs(lambda x: pad(x, (0, width - x.shape[1]))) for source in sources]
    return source_tasks(wide, seed, kind=kind, active=active, validation=validation)
