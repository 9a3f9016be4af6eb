"""What families share: a validation share, standardisation, and tasks that are one source each, or one source anew."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import pad

from scenarios.catalogue import modality
from scenarios.errors import RequestError
from scenarios.examples import TensorExamples, Transform
from scenarios.rows import Inputs, statistics
from scenarios.sources.source import Source
from scenarios.task import Kind, Scenario, Task

Active = Literal["seen", "all"]

Validation = Annotated[float, Field(ge=0, lt=1)] | Literal["training"]
"""The share of each class's training examples that is held out; or the training examples themselves, none held out."""

Standardise = bool | Annotated[str, Field(pattern=r"^[0-9.]+/[0-9.]*[1-9][0-9]*$")]
"""Whether inputs are standardised by the source's own mean and deviation, or by others, as 0.1307/0.3081."""


def hold_out(
    y: Tensor, share: Validation, seed: int | None, names: Sequence[str] | None = None
) -> tuple[Tensor, Tensor]:
    """Indices for training and for validation: a share of every class, drawn by seed.

    Args:
        y: the classes of the examples.
        share: how many of every class are held out.
        seed: draws them.
        names: what an error calls the classes; None calls them by their numbers.

    Raises:
        RequestError: where a class would keep no training example, or the validation set would be empty.
    """
    if share == "training":
        return torch.arange(len(y)), torch.arange(len(y))
    generator = torch.Generator().manual_seed(seed or 0)
    training, validation = [], []
    for label in y.unique().tolist():
        members = (y == label).nonzero().squeeze(1)
        members = members[torch.randperm(len(members), generator=generator)]
        held = round(share * len(members))
        if held == len(members) or (share and not held):
            name = names[label] if names else label
            raise RequestError(
                f"validation={share} of the {len(members)} training examples of class {name} "
                f"leaves {len(members) - held} to train on and {held} to validate on: choose another share"
            )
        validation.append(members[:held])
        training.append(members[held:])
    return torch.cat(training).sort().values, torch.cat(validation).sort().values


def standardisation(name: str, inputs: Iterable[Inputs], standardise: Standardise) -> tuple[float, float] | None:
    """The mean that is subtracted and the deviation that is divided by: of bytes on [0, 1], of floats as they are.

    Args:
        name: what an error calls the inputs.
        inputs: all that are trained on; they are gone through where `standardise` is true.
        standardise: true for their own mean and deviation; or what else is stated.

    Raises:
        RequestError: where one of them is no number, or there is nothing to divide by.
    """
    if isinstance(standardise, str):
        return stated(standardise)
    if not standardise:
        return None
    mean, deviation = statistics(inputs)
    if not deviation:
        raise RequestError(f"{name} cannot be standardised: all its training inputs are {mean}")
    return mean, deviation


def stated(standardise: str) -> tuple[float, float]:
    """The mean and the deviation that a text such as 0.1307/0.3081 states.

    Raises:
        RequestError: where one of them is no number.
    """
    try:
        mean, deviation = map(float, standardise.split("/"))
    except ValueError:
        raise RequestError(
            f"standardise={standardise} is not possible: give mean and deviation, as 0.1307/0.3081"
        ) from None
    return mean, deviation


def padded(source: Source, padding: int) -> Source:
    """The source with so many black pixels added on every side of its images.

    Raises:
        RequestError: where it has no images in memory.
    """
    if not padding:
        return source
    if len(source.input_shape) != 3:
        raise RequestError(
            f"padding={padding} is not possible: it is for images, and the inputs of {source.name} are "
            f"{modality(source.input_shape)}"
        )
    x, test_x = source.x, source.test_x
    if not isinstance(x, Tensor) or not isinstance(test_x, Tensor):
        raise RequestError(f"{source.name}: padding={padding} is for images in memory: leave it out")
    return replace(source, x=pad(x, [padding] * 4), test_x=pad(test_x, [padding] * 4))


def transformed_tasks(
    source: Source,
    seed: int | None,
    transforms: Sequence[Transform],
    names: Sequence[str],
    *,
    kind: Kind,
    active: Active,
    validation: Validation,
    standardise: Standardise,
) -> Scenario:
    """A scenario whose tasks are one source seen through one transform each.

    With kind "domain" all tasks share the source's classes; with "task" and "class" each brings a set of
    its own, as in Serrà et al. 2018 and van de Ven & Tolias 2019. Images and labels are held once, whatever the
    number of tasks.
    """
    train, held = hold_out(source.y, validation, seed)
    x, y = source.x[train], source.y[train]
    held_x, held_y = source.x[held], source.y[held]
    size = len(source.labels)
    tasks, tests = [], []
    for index, (name, transform) in enumerate(zip(names, transforms, strict=True)):
        shift = 0 if kind == "domain" else index * size
        tasks.append(
            Task(
                index,
                name,
                classes=tuple(range(shift, shift + size)),
                original_classes=source.labels,
                training=TensorExamples(x, y, index, transform, shift),
                validation=TensorExamples(held_x, held_y, index, transform, shift),
            )
        )
        tests.append(TensorExamples(source.test_x, source.test_y, index, transform, shift))
    return Scenario(
        name="",
        kind=kind,
        input_shape=source.input_shape,
        classes=size if kind == "domain" else size * len(tasks),
        tasks=tuple(tasks),
        test=tuple(tests),
        active=active,
        standardise=standardisation(source.name, [source.x], standardise),
    )


def source_tasks(
    sources: Sequence[Source],
    seed: int | None,
    transforms: Sequence[Transform | None] | None = None,
    *,
    kind: Kind,
    active: Active,
    validation: Validation,
) -> Scenario:
    """A scenario whose tasks are these sources, one after another.

    With kind "domain" all share their outputs, and must have equally many classes; with "task" and "class" each brings
    a set of its own.

    Args:
        sources: in the order of the tasks. Their inputs are of one shape, or are repeated to one: grey images beside
            coloured ones have three equal channels, which are one and the same in memory.
        seed: draws the validation examples.
        transforms: of the inputs of each.
        kind, active, validation: as the families have them.
    """
    shape = tuple(torch.broadcast_shapes(*(source.input_shape for source in sources)))
    tasks, tests, outputs = [], [], 0
    for index, (source, transform) in enumerate(zip(sources, transforms or [None] * len(sources), strict=True)):
        shift = 0 if kind == "domain" else outputs
        outputs = shift + len(source.labels)
        x, test_x = source.in_memory
        training, held = (
            TensorExamples(x[part].expand(-1, *shape), source.y[part], index, transform, shift)
            for part in hold_out(source.y, validation, seed, source.labels)
        )
        tasks.append(Task(index, source.name, tuple(range(shift, outputs)), source.labels, training, held))
        tests.append(TensorExamples(test_x.expand(-1, *shape), source.test_y, index, transform, shift))
    return Scenario(
        name="",
        kind=kind,
        input_shape=shape,
        classes=outputs,
        tasks=tuple(tasks),
        test=tuple(tests),
        active=active,
    )


def text_digest(*parts: object) -> str:
    """SHA-256 of a few values that identify a transform."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()
