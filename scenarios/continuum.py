"""Scenarios of Continuum (Douillard & Lesort 2021, arXiv 2102.06253) as ours."""

import importlib.util
from typing import Any

from scenarios.bridge.assembly import Experience, assemble
from scenarios.bridge.reading import Split, read
from scenarios.errors import RequestError
from scenarios.images import Active, Standardise, Validation
from scenarios.task import Kind, Scenario


def from_continuum(
    train: Any,
    test: Any,
    *,
    name: str = "a Continuum scenario",
    kind: Kind | None = None,
    active: Active = "seen",
    validation: Validation = 0.1,
    standardise: Standardise = False,
    seed: int | None = None,
) -> Scenario:
    """The scenario of two of Continuum's, over training and over test data: one task for each of theirs.

    Examples are read into memory once, under the scenario's transformations, of which none may be random; images
    become bytes where a transformation such as Normalize does not prevent it. Labels are Continuum's, which numbers
    classes in their order of arrival. A test scenario of one task is for all, each tested on its own classes.

    Args:
        train, test: scenarios of Continuum, such as `ClassIncremental(FashionMNIST(…, train=True), increment=2)`.
        name: of the scenario, in records and errors.
        kind: what is known at test time; None for "class" where later tasks bring new classes, else "domain".
        active: with kind "class", which classes compete: those seen so far, or all from the start.
        validation: share of each class's training examples held out; "training" validates on the training examples.
        standardise: subtract the mean and divide by the deviation of all training inputs, or of what else is
            given, as 0.1307/0.3081.
        seed: draws the validation examples.

    Raises:
        RequestError: where Continuum is not installed, or these are no scenarios that can be one of ours.
    """
    if importlib.util.find_spec("continuum") is None:
        raise RequestError(f"{name} needs Continuum, which is not installed: pip install continuum")
    from continuum.scenarios.base import _BaseScenario

    for each, which in ((train, "training"), (test, "test")):
        if not isinstance(each, _BaseScenario):
            raise RequestError(f"{name}: the {which} scenario is no scenario of Continuum but a {type(each).__name__}")
    if len(test) not in {1, len(train)}:
        raise RequestError(f"{name} has {len(train)} training but {len(test)} test tasks: give one for each, or one")
    tests = [_read(test, index, f"{name}: test task {index}") for index in range(len(test))]
    experiences = []
    for index in range(len(train)):
        training = _read(train, index, f"{name}: task {index}")
        classes = tuple(sorted(training.y.unique().tolist()))
        tested = tests[index] if len(tests) > 1 else tests[0]
        experiences.append(Experience(training, tested, None, classes, None))
    return assemble(
        experiences, where=name, kind=kind, active=active, validation=validation, standardise=standardise, seed=seed
    )


def _read(scenario: Any, index: int, where: str) -> Split:
    """The examples of a task, its inputs and classes; segmentation, text and sound are refused by their shapes."""
    return read(scenario[index], where)
