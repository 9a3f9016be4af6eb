"""From the experiences of another library, once they are read, to a scenario of ours."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from scenarios.bridge.reading import Split
from scenarios.errors import RequestError
from scenarios.examples import TensorExamples
from scenarios.images import Active, Standardise, Validation, hold_out, standardisation
from scenarios.task import Kind, Scenario, Task


@dataclass(frozen=True)
class Experience:
    """What is learned at a time, its labels as the library has them.

    Attributes:
        training, test: its examples; a test set that all share is the same object in each.
        validation: its own, where the library has some.
        classes: the labels of its training examples, in the library's order.
        label: its task label; None where it has none of its own.
    """

    training: Split
    test: Split
    validation: Split | None
    classes: tuple[int, ...]
    label: int | None


def kind_of(experiences: Sequence[Experience]) -> Kind:
    """What the labels say: "task" where task labels differ, "class" where classes come later, else "domain"."""
    labels = [experience.label for experience in experiences]
    if None not in labels and len(set(labels)) == len(labels) > 1:
        return "task"
    first = set(experiences[0].classes)
    return "class" if any(set(experience.classes) - first for experience in experiences) else "domain"


def outputs_of(experiences: Sequence[Experience], kind: Kind, where: str) -> list[dict[int, int]]:
    """The output of each label, for every experience.

    With "task" each experience has outputs of its own; with "class" a label has one, numbered as labels arrive; with
    "domain" all share the outputs: by label where labels come again, by place in the experience where none does.

    Raises:
        RequestError: where kind "class" is asked for and all experiences have the same classes.
    """
    sets = [experience.classes for experience in experiences]
    arrived = {
        label: place for place, label in enumerate(dict.fromkeys(label for classes in sets for label in classes))
    }
    if kind == "class" and len(sets) > 1 and len(arrived) == len(sets[0]):
        raise RequestError(f"{where}: its experiences all have the same classes: ask for kind 'domain' or 'task'")
    if kind == "task":
        starts = [sum(map(len, sets[:index])) for index in range(len(sets))]
        return [{label: start + k for k, label in enumerate(own)} for start, own in zip(starts, sets, strict=True)]
    if kind == "domain" and len(sets) > 1 and len(arrived) == sum(map(len, sets)):
        return [{label: k for k, label in enumerate(own)} for own in sets]
    return [{label: arrived[label] for label in own} for own in sets]


def assemble(
    experiences: Sequence[Experience],
    *,
    where: str,
    kind: Kind | None,
    active: Active,
    validation: Validation,
    standardise: Standardise,
    seed: int | None,
) -> Scenario:
    """The scenario whose tasks are these experiences.

    A test set that all experiences share is cut down, for each task, to the task's own classes.

    Raises:
        RequestError: where they do not form one.
    """
    if not experiences:
        raise RequestError(f"{where} has no experiences")
    kind = kind or kind_of(experiences)
    maps = outputs_of(experiences, kind, where)
    shape = tuple(experiences[0].training.x.shape[1:])
    shared = len(experiences) > 1 and len({id(experience.test) for experience in experiences}) == 1
    tasks, tests = [], []
    for index, (experience, outputs) in enumerate(zip(experiences, maps, strict=True)):
        for split in (experience.training, experience.test, experience.validation or experience.training):
            if tuple(split.x.shape[1:]) != shape:
                raise RequestError(f"{where}: inputs of experience {index} are {tuple(split.x.shape[1:])}, not {shape}")
        test = cut(experience.test, outputs) if shared else experience.test
        x, y = experience.training.x, numbered(experience.training.y, outputs, f"{where}: experience {index}")
        if experience.validation is not None:
            held = experience.validation
            held_x, held_y = held.x, numbered(held.y, outputs, f"{where}: validation experience {index}")
        else:
            train, rest = hold_out(y, validation, seed)
            (x, y), (held_x, held_y) = ((x, y) if len(train) == len(y) else (x[train], y[train])), (x[rest], y[rest])
        tasks.append(
            Task(
                index,
                name=name_of(experience.classes, index, experiences),
                classes=tuple(outputs[label] for label in experience.classes),
                original_classes=experience.classes,
                training=TensorExamples(x, y, index),
                validation=TensorExamples(held_x, held_y, index),
            )
        )
        tests.append(TensorExamples(test.x, numbered(test.y, outputs, f"{where}: test experience {index}"), index))
    return Scenario(
        name=where,
        kind=kind,
        input_shape=shape,
        classes=1 + max(max(outputs.values()) for outputs in maps),
        tasks=tuple(tasks),
        test=tuple(tests),
        active=active,
        standardise=standardisation(where, (experience.training.x for experience in experiences), standardise),
    )


def name_of(classes: tuple[int, ...], index: int, experiences: Sequence[Experience]) -> str:
    """A task's classes where no other task has the same ones, else its number."""
    alone = sum(other.classes == classes for other in experiences) == 1
    return "+".join(map(str, classes)) if alone and len(classes) <= 10 else f"experience {index + 1}"


def numbered(y: Tensor, outputs: dict[int, int], where: str) -> Tensor:
    """Labels as outputs.

    Raises:
        RequestError: for a label that is no class of the task.
    """
    labels, places = y.unique(return_inverse=True)
    if unknown := [label for label in labels.tolist() if label not in outputs]:
        raise RequestError(f"{where} has examples of class {unknown[0]}, of which the task has no training example")
    return torch.tensor([outputs[label] for label in labels.tolist()])[places]


def cut(test: Split, outputs: dict[int, int]) -> Split:
    """The test examples of a task's classes; all of them, not copied, where there are no others."""
    chosen = torch.isin(test.y, torch.tensor(list(outputs)))
    return test if bool(chosen.all()) else Split(test.x[chosen], test.y[chosen])
