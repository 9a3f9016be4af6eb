"""Online: classes dealt to tasks as in a split, but each example passes once, and nobody says where a task ends."""

from dataclasses import replace
from typing import Literal

from pydantic import NonNegativeInt, PositiveInt

from scenarios.dealing import dealt_equally
from scenarios.images import Active, Standardise, Validation, padded
from scenarios.scenario import register, usual
from scenarios.sources.source import Source
from scenarios.task import Scenario


@usual(epochs=1)
@register("online")
def online(
    source: Source,
    seed: int | None,
    *,
    kind: Literal["domain", "class"] = "class",
    tasks: PositiveInt = 5,
    active: Active = "seen",
    validation: Validation = 0.1,
    standardise: Standardise = False,
    padding: NonNegativeInt = 0,
) -> Scenario:
    """Each task brings its own classes, in one pass, and nobody says where a task ends (Aljundi et al. 2019).

    The tasks are those of `split`. They are the stretches between evaluations, and the order in which a run shows a
    stretch's examples is drawn by its seed. Strategies that have to be told where a task ends are refused, and so is
    a budget of more than one pass; the optimiser's state is carried through. There is no kind "task": who is not told
    where tasks end cannot be told which task a test example is of.

    Args:
        source: where the examples come from.
        seed: draws the order of classes and the validation examples; None keeps the natural order.
        kind: what is known at test time; with "domain" the classes of every task share the same outputs.
        tasks: how many tasks; it must divide the number of classes.
        active: with kind "class", which classes compete: those seen so far, or all from the start.
        validation: share of each class's training examples held out; "training" validates on the training examples.
        standardise: subtract the mean and divide by the deviation of the source's training inputs, or of what else
            is given, as 0.1307/0.3081.
        padding: black pixels added on every side of the images first; 2 make 32×32 of 28×28, as some code does.
    """
    source = padded(source, padding)
    what = f"online-{source.name}"
    scenario = dealt_equally(
        what, source, tasks, seed, kind=kind, active=active, validation=validation, standardise=standardise
    )
    return replace(scenario, boundaries=False, passes=1)
