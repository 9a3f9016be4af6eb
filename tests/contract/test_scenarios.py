"""What every scenario owes, whatever family and source it is of."""

import dataclasses
import pickle
import subprocess
import sys
from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import torch
from torch import Tensor

from forgetless.listed_scenarios import kinds
from scenarios.catalogue import SCENARIOS, SOURCES, scenario_parts
from scenarios.eight import EIGHT
from scenarios.errors import RequestError
from scenarios.examples import Examples, TensorExamples
from scenarios.scenario import scenario_reference
from scenarios.sources.files import Files
from scenarios.sources.source import Source, load_source
from scenarios.task import Scenario

MADE_OF = {
    "sequence": ("digits", "fashion"),
    "eight": EIGHT,
    "multimodal": ("digits", "mnist1d", "breast-cancer"),
}
"""Data sets of the scenarios that bring their own."""

FACTS = "addition-facts"
"""What is to be remembered there are the facts themselves, all numbers are possible answers, nothing is drawn."""

SMALL = {"spheres": "radii=1.3+1.6,dimension=10,examples=200"}
"""Options of scenarios that have a million examples, or one task, where nobody says otherwise."""

LEAKING = ("blurry-",)
"""What scenarios begin with whose tasks also train on some examples of classes that are tested elsewhere."""


def cases() -> Iterator[tuple[str, str | None]]:
    """Scenarios, each with an option: all scenarios in all kinds would take an hour.

    A family treats every source alike, and a source serves every family alike: so each family is tried over the
    digits in all kinds, and every other source as a split in its default kind, in a number of tasks that divides
    its classes.
    """
    for name, (family, source) in scenario_parts().items():
        if source in {None, "digits"}:
            known = kinds(SCENARIOS.entries()[family])
            yield from ((name, f"kind={kind}") for kind in known) if known else [(name, None)]
        elif family == "split":
            classes = int(SOURCES.entries()[source].attribute("classes"))
            yield name, f"tasks={next(tasks for tasks in (5, *range(2, classes + 1)) if classes % tasks == 0)}"


CASES = list(cases())


@lru_cache(maxsize=1)
def built(reference: str) -> Scenario:
    return scenario_reference(reference).build(seed=0)


@cache
def missing(source: str) -> str | None:
    """Why the data of a source cannot be had here, asked once; tests download nothing."""
    try:
        with patch.object(Files, "download", lambda self: "not tried"):
            load_source(source)
    except RequestError as error:
        return str(error)
    return None


def sources_of(name: str) -> tuple[str, ...]:
    source = scenario_parts()[name][1]
    return MADE_OF.get(name, ()) if source is None else (source,)


# Of the module, so that all tests of one scenario follow each other and it is built once.
@pytest.fixture(params=CASES, ids=[":".join(filter(None, case)) for case in CASES], scope="module")
def reference(request: pytest.FixtureRequest) -> str:
    """The name of a scenario whose data this machine has."""
    name, option = request.param
    for source in sources_of(name):
        if reason := missing(source):
            pytest.skip(reason)
    options = ",".join(filter(None, (option, SMALL.get(name))))
    return scenario_reference(f"{name}:{options}").text


@pytest.fixture
def scenario(reference: str) -> Scenario:
    return built(reference)


def splits(scenario: Scenario) -> Iterator[tuple[int, Examples]]:
    for task, test in zip(scenario.tasks, scenario.test, strict=True):
        for examples in (task.training, task.validation, test):
            yield task.index, examples


def rows(examples: Examples) -> set[int]:
    """A hash of every input, as a network sees it."""
    everything = torch.arange(len(examples)).split(4096)
    return {hash(row.tobytes()) for part in everything for row in examples.batch(part)[0].numpy()}


def duplicates(source: Source) -> int:
    """How many different training inputs a source has among its test inputs itself."""
    training, test = (TensorExamples(x, torch.zeros(len(x)), 0) for x in (source.x, source.test_x))
    return len(rows(training) & rows(test))


def labels(examples: Examples) -> list[int]:
    return examples.batch(torch.arange(len(examples)))[1].unique().tolist()


def storages(value: Any, seen: set[int]) -> Iterator[int]:
    """Where the numbers of every tensor lie that can be reached from a value."""
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, Tensor):
        yield value.untyped_storage().data_ptr()
    elif isinstance(value, dict):
        for part in value.values():
            yield from storages(part, seen)
    elif isinstance(value, list | tuple | set):
        for part in value:
            yield from storages(part, seen)
    elif hasattr(value, "__dict__"):
        yield from storages(vars(value), seen)


def test_it_is_a_sequence_of_tasks_in_order(scenario: Scenario) -> None:
    assert [task.index for task in scenario.tasks] == list(range(len(scenario.tasks)))
    assert len(scenario.test) == len(scenario.tasks) >= 2
    assert len({task.name for task in scenario.tasks}) == len(scenario.tasks)


def test_every_split_has_examples_of_the_task_and_of_no_other(scenario: Scenario) -> None:
    for index, examples in splits(scenario):
        task = scenario.tasks[index]
        assert len(examples) > 0
        found, classes = set(labels(examples)), set(task.classes)
        assert found <= classes
        if scenario.name.startswith(FACTS):
            assert found < classes
        elif examples is task.training or not scenario.name.startswith(LEAKING):
            assert found == classes
        assert examples.tasks(torch.tensor([0])).tolist() == [index]
        x, y = examples.batch(torch.tensor([0, len(examples) - 1]))
        assert x.shape == (2, *scenario.input_shape)
        assert x.dtype in {torch.uint8, torch.float32}
        assert y.dtype == torch.int64


def test_classes_are_outputs_with_one_original_each(scenario: Scenario) -> None:
    for task in scenario.tasks:
        assert len(task.original_classes) == len(task.classes) == len(set(task.classes))
        assert len(set(task.original_classes)) == len(task.original_classes)
        assert set(task.classes) <= set(range(scenario.classes))
    first = [task for task in scenario.tasks if task.returns is None]
    used = [output for task in first for output in task.classes]
    assert set(used) == set(range(scenario.classes))
    if scenario.kind != "domain" and not scenario.name.startswith(FACTS):
        assert len(used) == scenario.classes or scenario.name.startswith(LEAKING)
        meanings = {pair for task in scenario.tasks for pair in zip(task.classes, task.original_classes, strict=True)}
        assert len(meanings) == scenario.classes, "an output means one class, in whatever task"


def test_masks_have_a_row_a_task_and_never_lose_a_class(scenario: Scenario) -> None:
    count = len(scenario.tasks)
    before = scenario.masks(-1)
    assert before.dtype == torch.bool
    assert before.shape == (count, scenario.classes)
    for after, task in enumerate(scenario.tasks):
        masks = scenario.masks(after)
        assert bool((masks | ~before).all())
        assert bool(masks[task.index, list(task.classes)].all())
        before = masks
    assert 0 < scenario.chance <= 1


def test_a_task_reaches_no_test_example(scenario: Scenario) -> None:
    secret = {
        storage
        for examples in scenario.test
        for field, value in vars(examples).items()
        if field in {"x", "y"}
        for storage in storages(value, set())
    }
    if not secret:  # drawn when they are read: there is nothing to reach, but they must be others
        assert not any(isinstance(examples, TensorExamples) for examples in scenario.test)
        assert len({examples.digest() for _, examples in splits(scenario)}) == 3 * len(scenario.tasks)
        return
    reachable = {storage for task in scenario.tasks for storage in storages(task, set())}
    assert reachable
    assert not secret & reachable


def test_no_test_example_is_among_those_for_training(scenario: Scenario, record_property: Any) -> None:
    """By content; those that a source itself has in both of its parts are reported, and allowed."""
    known = sum(duplicates(load_source(source)) for source in sources_of(scenario.name.partition(":")[0]))
    record_property("inputs that the sources have in training and in test", known)
    tested = [rows(test) for test in scenario.test]
    if scenario.name.startswith(FACTS):
        assert tested == [rows(task.training) for task in scenario.tasks]
        return
    for task in scenario.tasks:
        trained = rows(task.training) | rows(task.validation)
        assert trained
        # The tests of other tasks as well: what is told early is no less told.
        assert len(trained & set().union(*tested)) <= known


def test_the_record_is_told_of_every_test_example_that_is_trained_on(scenario: Scenario) -> None:
    """What comes with the digest is what going through all inputs would find."""
    if scenario.name.startswith((FACTS, "spheres")):
        assert scenario.leaked is None
        return
    trained = set().union(*(rows(task.training) for task in scenario.tasks))
    tested = [[row.tobytes() for row in test.batch(torch.arange(len(test)))[0].numpy()] for test in scenario.test]
    assert scenario.leaked == tuple(sum(hash(row) in trained for row in test) for test in tested)


def test_it_goes_to_another_process_whole(scenario: Scenario) -> None:
    again = pickle.loads(pickle.dumps(scenario))
    assert "digest" not in vars(again) or vars(again).pop("digest")
    assert again.digest == scenario.digest
    assert torch.equal(again.masks(0), scenario.masks(0))
    indices = torch.arange(min(5, len(scenario.test[0])))
    assert torch.equal(again.tasks[0].training.batch(indices)[0], scenario.tasks[0].training.batch(indices)[0])


def test_it_cannot_be_changed(scenario: Scenario) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        scenario.tasks[0].index = 5  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        scenario.kind = "task"  # type: ignore[misc]


def test_a_seed_gives_the_same_again_and_another_seed_another(reference: str) -> None:
    scenario = built(reference)
    again, other = (scenario_reference(reference).build(seed) for seed in (0, 1))
    assert again.digest == scenario.digest
    assert (other.digest == scenario.digest) == scenario.name.startswith(FACTS)
    assert other.input_shape == scenario.input_shape
    assert sum(map(len, other.test)) == sum(map(len, scenario.test))


def test_its_name_builds_it_again(reference: str) -> None:
    scenario = built(reference)
    assert scenario.name == reference
    assert scenario_reference(scenario.name).build(seed=0).digest == scenario.digest


def test_listing_and_naming_read_no_data() -> None:
    """Naming imports a scenario's module; once that is done, nothing is opened any more."""
    script = """
import sys
from scenarios.catalogue import list_scenarios
names = list(list_scenarios())
assert "torch" not in sys.modules
from scenarios.scenario import scenario_reference
from scenarios.sources.source import load_source
texts = [scenario_reference(name).text for name in names]
scenario_reference("split-digits:tasks=5")  # pydantic looks for its plug-ins when it checks the first value
opened = []
sys.addaudithook(lambda event, details: opened.append(details[0]) if event == "open" else None)
assert [scenario_reference(text).text for text in texts] == texts
assert list(list_scenarios()) == names
assert not opened, opened
assert load_source.cache_info().misses == 0
"""
    subprocess.run([sys.executable, "-c", script], cwd=Path(__file__).parents[2], check=True, timeout=120)
