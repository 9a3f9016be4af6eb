"""Label noise: a split whose training labels are partly false."""

from dataclasses import replace
from typing import Annotated

import torch
from pydantic import Field, NonNegativeInt, PositiveInt

from scenarios.dealing import dealt_equally, equal_sizes
from scenarios.errors import RequestError
from scenarios.examples import Examples, TensorExamples
from scenarios.images import Active, Standardise, Validation, padded
from scenarios.scenario import register
from scenarios.sources.source import Source
from scenarios.task import Kind, Scenario


@register("label-noise")
def label_noise(
    source: Source,
    seed: int | None,
    *,
    kind: Kind = "task",
    tasks: PositiveInt = 5,
    noise: Annotated[float, Field(ge=0, le=1)] = 0.4,
    active: Active = "seen",
    validation: Validation = 0.1,
    standardise: Standardise = False,
    padding: NonNegativeInt = 0,
) -> Scenario:
    """Each task brings its own classes, and a share of its training labels is false (Zhang et al. 2017).

    Of a task's training examples round(noise · N) are drawn, and each is given the label of another class of the
    task, all others being equally likely. So exactly that share is false, and a label is one the task has. With c
    classes a task, labels say nothing any more at noise = (c − 1)/c. Labels are drawn once, for all epochs. Those
    for validation and for testing are true, also with validation "training".

    `TensorExamples.truth` keeps the true labels of the training examples, for the property `noisy-labels`;
    strategies are not to read them.

    Args:
        source: where the examples come from.
        seed: draws the order of classes, the validation examples and the false labels; None keeps the natural
            order, and draws as seed 0.
        kind: what is known at test time.
        tasks: how many tasks; it must divide the number of classes, and leave two or more to a task.
        noise: the share of false labels.
        active: with kind "class", which classes compete: those seen so far, or all from the start.
        validation: share of each class's training examples held out; "training" validates on the training examples.
        standardise: subtract the mean and divide by the deviation of the source's training inputs, or of what else
            is given, as 0.1307/0.3081.
        padding: black pixels added on every side of the images first; 2 make 32×32 of 28×28, as some code does.
    """
    source = padded(source, padding)
    what = f"label-noise-{source.name}"
    if equal_sizes(what, len(source.labels), tasks)[0] < 2:
        raise RequestError(f"{what}: with tasks={tasks} a task has one class, and no label can be false: take fewer")
    scenario = dealt_equally(
        what, source, tasks, seed, kind=kind, active=active, validation=validation, standardise=standardise
    )
    generator = torch.Generator().manual_seed(seed or 0)
    noisy = [replace(task, training=_mislabelled(task.training, noise, generator)) for task in scenario.tasks]
    return replace(scenario, tasks=tuple(noisy))


def _mislabelled(examples: Examples, noise: float, generator: torch.Generator) -> TensorExamples:
    """The examples with so large a share of false labels, and with the true ones beside them."""
    assert isinstance(examples, TensorExamples)
    classes, places = examples.y.unique(return_inverse=True)
    chosen = torch.randperm(len(examples), generator=generator)[: round(noise * len(examples))]
    # Going one to c − 1 classes further, round and round, ends at every other class equally often.
    steps = torch.randint(1, len(classes), (len(chosen),), generator=generator)
    places[chosen] = (places[chosen] + steps) % len(classes)
    return TensorExamples(examples.x, classes[places], examples.task, truth=examples.y)
