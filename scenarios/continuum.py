"""Scenarios of Continuum (Douillard & Lesort 2021, arXiv 2102.06253) as ours."""

import importlib.util
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from pydantic import NonNegativeInt, PositiveInt

from scenarios.bridge.assembly import Experience, assemble
from scenarios.bridge.making import Numbers, making, numbers_of, taking, torchvision_folder
from scenarios.bridge.reading import Split, read
from scenarios.bridge.surroundings import everyones_randomness, quiet
from scenarios.catalogue import SCENARIOS, SOURCES
from scenarios.errors import RequestError
from scenarios.images import Active, Standardise, Validation
from scenarios.options import suggestion
from scenarios.scenario import shuffled
from scenarios.sources.source import Source, load_source
from scenarios.task import Kind, Scenario

Options = dict[str, tuple[Any, Any]]

THEIRS: dict[str, Options] = {
    "ALMA": {"kind": (Kind, "domain"), "tasks": (PositiveInt, 5)},
    "ClassIncremental": {
        "kind": (Kind, "class"),
        "tasks": (PositiveInt | None, None),
        "increment": (Numbers, "2"),
        "initial_increment": (NonNegativeInt, 0),
        "class_order": (Numbers | None, None),
    },
    "ContinualScenario": {"kind": (Kind, "class")},
    "InstanceIncremental": {"kind": (Kind, "domain"), "tasks": (PositiveInt | None, 5)},
    "Permutations": {"kind": (Kind, "domain"), "tasks": (PositiveInt, 5)},
    "Rotations": {"kind": (Kind, "domain"), "list_degrees": (Numbers, "0+45+90+135+180")},
}
"""Their scenarios that one data set and some text make, with the options of each; tasks is what they call nb_tasks."""

FOUR_FILES = {"FashionMNIST": "fashion", "KMNIST": "kmnist", "MNIST": "mnist"}
"""Their data sets that are sources of ours as well, which are found wherever ours are."""

register_family = SCENARIOS.register_family


@register_family("continuum/NAME")
def continuum(name: str) -> Callable[..., Scenario]:
    """A scenario of Continuum: continuum/ClassIncremental:class,dataset=digits; docs/continuum-scenarios.md says how.

    Raises:
        RequestError: where Continuum is not installed or has no such scenario.
    """
    full = f"continuum/{name}"
    check_installed(full)
    if name not in THEIRS:
        raise RequestError(
            f"there is no scenario {full!r}{suggestion(name, THEIRS)}; "
            "what else Continuum makes is for scenarios.continuum.from_continuum, in Python"
        )

    @taking(
        full,
        THEIRS[name]
        | {
            "dataset": (str, "FashionMNIST"),
            "active": (Active, "seen"),
            "validation": (Validation, 0.1),
            "standardise": (Standardise, False),
        },
    )
    def build(seed: int | None, /, root: Path | None = None, **options: Any) -> Scenario:
        ours = {key: options.pop(key) for key in ("kind", "active", "validation", "standardise")}
        dataset = options.pop("dataset")
        with quiet(), everyones_randomness(seed or 0, torch.device("cpu")), making(full, "Continuum"):
            import continuum

            with data_for(full, dataset, root) as parts:
                arguments = arguments_of(name, parts[0], options, seed, ours["kind"])
                train, test = (getattr(continuum, name)(part, **arguments) for part in parts)
                return from_continuum(train, test, name=full, seed=seed, **ours)

    return build


def check_installed(name: str) -> None:
    """Refuse what needs Continuum where it is not installed."""
    if importlib.util.find_spec("continuum") is None:
        raise RequestError(f"{name} needs Continuum, which is not installed: pip install continuum six")


@contextmanager
def data_for(name: str, dataset: str, root: Path | None) -> Iterator[tuple[Any, Any]]:
    """Continuum's data sets of training and test examples, of a source of ours or of a data set of theirs.

    Raises:
        RequestError: where there is no such data set, or its data cannot be had.
    """
    from continuum import datasets

    if dataset in SOURCES.entries():
        yield in_memory(load_source(dataset, root))
        return
    known = [each for each in dir(datasets) if each[0].isupper() and isinstance(getattr(datasets, each), type)]
    if dataset not in known:
        raise RequestError(
            f"{name}: there is no dataset {dataset!r}{suggestion(dataset, [*SOURCES.entries(), *known])}"
        )
    if dataset in FOUR_FILES:
        with torchvision_folder(FOUR_FILES[dataset], root) as folder:
            yield tuple(getattr(datasets, dataset)(folder, train=train) for train in (True, False))
        return
    place = root or os.environ.get("FORGETLESS_DATA")
    if place is None:
        raise RequestError(
            f"{name}: say where the data of {dataset} is, or may be downloaded to, as --data or in $FORGETLESS_DATA"
        )
    yield tuple(getattr(datasets, dataset)(str(place), train=train) for train in (True, False))


def in_memory(source: Source) -> tuple[Any, Any]:
    """A source of images as data sets of Continuum's.

    Raises:
        RequestError: where it has no images that Pillow knows.
    """
    from continuum.datasets import InMemoryDataset

    x, test_x = source.in_memory
    if source.modality != "images" or x.dtype != torch.uint8 or x.shape[1] not in (1, 3):
        raise RequestError(f"{source.name} has no grey or coloured images of bytes, which Continuum needs")
    train, test = (
        InMemoryDataset(images.movedim(1, 3).squeeze(3).numpy(), y.numpy(), train=part)
        for images, y, part in ((x, source.y, True), (test_x, source.test_y, False))
    )
    return train, test


def arguments_of(name: str, data: Any, options: dict[str, Any], seed: int | None, kind: Kind) -> dict[str, Any]:
    """What Continuum's class is called with besides its data set.

    Normalize is left out of the data set's transformations: networks standardise by themselves. Without a seed classes
    keep their natural order, and what else is drawn is drawn with seed 0.

    Raises:
        RequestError: where the data set has no tasks of its own, and must have some.
    """
    arguments = {key: value for key, value in options.items() if value is not None}
    images = [each for each in data.transformations if type(each).__name__ != "Normalize"]
    transformed = name in {"Permutations", "Rotations"}
    arguments["base_transformations" if transformed else "transformations"] = images
    if transformed:
        arguments["shared_label_space"] = kind == "domain"
    if "tasks" in arguments:
        arguments["nb_megabatches" if name == "ALMA" else "nb_tasks"] = arguments.pop("tasks")
    if name == "Permutations":
        arguments["seed"] = seed or 0
    if name == "ALMA":
        arguments["random_seed"] = seed or 0
    if name == "Rotations":
        arguments["list_degrees"] = numbers_of(options["list_degrees"])
    if name == "ContinualScenario" and data.get_data()[2] is None:
        raise RequestError(
            f"continuum/{name} needs a data set that has tasks of its own, as Core50 and MNISTFellowship have"
        )
    if name == "ClassIncremental":
        sizes = numbers_of(arguments.pop("increment"))
        if "nb_tasks" not in arguments:
            arguments["increment"] = sizes if len(sizes) > 1 else sizes[0]
        if options["class_order"] is not None:
            arguments["class_order"] = numbers_of(options["class_order"])
        elif seed is not None:
            arguments["class_order"] = shuffled(list(range(1 + int(data.get_data()[1].max()))), seed)
    return arguments


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
    become bytes where a transformation such as Normalize does not prevent it. Classes keep Continuum's order, and the
    numbers they have in its data set. A test scenario of one task is for all, each tested on its own classes.

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
    check_installed(name)
    from continuum.scenarios.base import _BaseScenario

    for each, which in ((train, "training"), (test, "test")):
        if not isinstance(each, _BaseScenario):
            raise RequestError(f"{name}: the {which} scenario is no scenario of Continuum but a {type(each).__name__}")
    if len(test) not in {1, len(train)}:
        raise RequestError(f"{name} has {len(train)} training but {len(test)} test tasks: give one for each, or one")
    tests = [_read(test, index, f"{name}: test task {index}")[0] for index in range(len(test))]
    experiences = []
    for index in range(len(train)):
        training, classes = _read(train, index, f"{name}: task {index}")
        tested = tests[index] if len(tests) > 1 else tests[0]
        experiences.append(Experience(training, tested, None, classes, None))
    return assemble(
        experiences, where=name, kind=kind, active=active, validation=validation, standardise=standardise, seed=seed
    )


def _read(scenario: Any, index: int, where: str) -> tuple[Split, tuple[int, ...]]:
    """The examples of a task, and its classes in the scenario's order, with the numbers they have in the data set.

    Segmentation, text and sound are refused by their shapes.
    """
    x, y = read(scenario[index], where)
    labels, places = y.unique(return_inverse=True)
    classes = labels.tolist()
    if hasattr(scenario, "get_original_targets"):  # one that numbers classes as they arrive
        classes = list(map(int, scenario.get_original_targets(classes)))
    return Split(x, torch.tensor(classes)[places]), tuple(classes)
