"""Scenarios of Continuum, by name and in Python; those that need it are skipped where it is not installed."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import torch
from refusals import refusal

from scenarios.bridge.making import making, numbers_of
from scenarios.bridge.surroundings import quiet
from scenarios.continuum import THEIRS, from_continuum
from scenarios.errors import RequestError
from scenarios.scenario import scenario_reference
from scenarios.task import Scenario

installed = pytest.mark.skipif(importlib.util.find_spec("continuum") is None, reason="Continuum is not installed")


def built(name: str, seed: int | None = None, root: Path | None = None) -> Scenario:
    return scenario_reference(f"continuum/{name}").build(seed, root)


def refused(name: str, root: Path | None = None) -> str:
    return refusal(lambda: built(name, root=root))


def test_without_the_package_it_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, package=None: None if name == "continuum" else find(name, package)
    )
    # A name that no other test asks for: what was found once is kept.
    message = "Continuum, which is not installed: pip install continuum six"
    assert refused("Nothing:class") == f"continuum/Nothing needs {message}"
    assert message in refusal(lambda: from_continuum(None, None))


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (ImportError("No module named 'six'"), "needs a package that is not installed: No module named 'six'"),
        (OSError("no\nroute"), "its data is not here, and Continuum could not fetch it (no route)"),
        (Exception("Invalid number of tasks"), "cannot be made with these options: Invalid number of tasks"),
        (AssertionError(), "cannot be made with these options: AssertionError"),
        (RequestError("as it is"), "as it is"),
    ],
)
def test_what_a_library_raises_becomes_one_line(error: Exception, says: str) -> None:
    def action() -> None:
        with making("continuum/Some", "Continuum"):
            raise error

    assert says in refusal(action)


def test_numbers_are_joined_by_a_plus() -> None:
    assert numbers_of("3") == [3]
    assert numbers_of("3+-1+4") == [3, -1, 4]


@installed
@pytest.mark.parametrize("kind", ["task", "class"])
def test_class_incremental_is_our_split(kind: str) -> None:
    theirs = built(f"ClassIncremental:{kind},dataset=digits")
    ours = scenario_reference(f"split-digits:{kind}").build()
    assert theirs.kind == kind
    for mine, other in zip(ours.tasks, theirs.tasks, strict=True):
        assert mine.classes == other.classes
        assert mine.training.digest() == other.training.digest()
        assert mine.validation.digest() == other.validation.digest()
    assert [test.digest() for test in ours.test] == [test.digest() for test in theirs.test]


@installed
def test_classes_come_in_the_order_given_or_drawn_with_the_numbers_of_the_data_set() -> None:
    order = "9+8+7+6+5+4+3+2+1+0"
    given = built(f"ClassIncremental:class,increment=4+3+3,class_order={order},dataset=digits", seed=1)
    assert [task.original_classes for task in given.tasks] == [(9, 8, 7, 6), (5, 4, 3), (2, 1, 0)]
    assert [task.classes for task in given.tasks] == [(0, 1, 2, 3), (4, 5, 6), (7, 8, 9)]
    drawn = [built("ClassIncremental:class,tasks=2,dataset=digits", seed=seed) for seed in (1, 1, 2)]
    orders = [[label for task in each.tasks for label in task.original_classes] for each in drawn]
    assert orders[0] == orders[1] != orders[2]
    assert sorted(orders[0]) == sorted(orders[2]) == list(range(10))


@installed
@pytest.mark.parametrize("name", ["Permutations", "Rotations", "InstanceIncremental", "ALMA"])
def test_one_label_set_again_and_again(name: str) -> None:
    options = "list_degrees=0+90" if name == "Rotations" else "tasks=2"
    scenario = built(f"{name}:domain,{options},dataset=digits", seed=1)
    assert [task.classes for task in scenario.tasks] == [tuple(range(10))] * 2
    first, second = (task.training.batch(torch.arange(len(task.training)))[0] for task in scenario.tasks)
    assert first.dtype == torch.uint8
    if name == "Rotations":
        assert torch.equal(first.rot90(-1, (2, 3)), second)  # clockwise
    if name == "Permutations":
        assert torch.equal(first.flatten(1).sort(1).values, second.flatten(1).sort(1).values)
        assert not torch.equal(first, second)
    again, other = (built(f"{name}:domain,{options},dataset=digits", seed=seed).digest for seed in (1, 2))
    assert again == scenario.digest != other


@installed
@pytest.mark.parametrize("name", ["Permutations", "Rotations"])
def test_a_task_may_have_classes_of_its_own(name: str) -> None:
    options = "list_degrees=0+90" if name == "Rotations" else "tasks=2"
    scenario = built(f"{name}:class,{options},dataset=digits")
    assert [task.classes for task in scenario.tasks] == [tuple(range(10)), tuple(range(10, 20))]


@installed
def test_data_sets_are_ours_or_theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORGETLESS_DATA", raising=False)
    name = "ClassIncremental:class,dataset="
    assert "did you mean 'fashion'?" in refused(f"{name}fashon")
    assert "iris has no grey or coloured images of bytes" in refused(f"{name}iris")
    assert "say where the data of CIFAR10 is" in refused(f"{name}CIFAR10")
    assert "does not hold Fashion-MNIST" in refused(f"{name}FashionMNIST", root=tmp_path)
    assert "needs a data set that has tasks of its own" in refused("ContinualScenario:class,dataset=digits")


@installed
def test_names_and_options_that_do_not_fit_are_refused() -> None:
    assert "did you mean 'ClassIncremental'?" in refused("ClasIncremental")
    assert "scenarios.continuum.from_continuum" in refused("OnlineFellowship")
    assert "has no option 'list_degrees'" in refused("Permutations:domain,list_degrees=1")
    assert "cannot be made with these options" in refused("ClassIncremental:class,increment=3,dataset=digits")
    assert set(THEIRS) <= set(dir(importlib.import_module("continuum")))


@installed
def test_a_scenario_made_in_python() -> None:
    with quiet():
        from continuum.datasets import InMemoryDataset
        from continuum.scenarios import ClassIncremental

        def made(each: int, train: bool) -> Any:
            y = torch.arange(6).repeat_interleave(each).numpy()
            x = y[:, None, None, None].repeat(2, 1).repeat(2, 2).repeat(3, 3).astype("uint8")
            return ClassIncremental(InMemoryDataset(x, y, train=train), increment=2, class_order=[3, 1, 5, 0, 2, 4])

        scenario = from_continuum(made(10, True), made(4, False))
    assert scenario.kind == "class"
    assert [task.classes for task in scenario.tasks] == [(0, 1), (2, 3), (4, 5)]
    assert [task.original_classes for task in scenario.tasks] == [(3, 1), (5, 0), (2, 4)]
    for task, test in zip(scenario.tasks, scenario.test, strict=True):
        x, y = task.training.batch(torch.arange(len(task.training)))
        assert x.dtype == torch.uint8
        assert x.shape[1:] == (3, 2, 2)
        assert x[:, 0, 0, 0].tolist() == [[3, 1, 5, 0, 2, 4][label] for label in y.tolist()]
        assert (len(task.training), len(task.validation), len(test)) == (18, 2, 8)
    assert "no scenario of Continuum" in refusal(lambda: from_continuum(3, 4))
