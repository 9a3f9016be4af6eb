"""Sequences of data sets, and HAT's eight: sizes, channels and outputs, over made-up sources."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from refusals import refusal
from torch import Tensor

from scenarios.catalogue import SOURCES
from scenarios.eight import EIGHT, eight
from scenarios.examples import Examples, TensorExamples
from scenarios.scenario import scenario_reference
from scenarios.sequence import Standardisation, sequence
from scenarios.sources.source import Source, load_source
from scenarios.task import Scenario

SHAPES = {"small": (1, 4, 4, 2), "wide": (1, 6, 3, 3), "colour": (3, 6, 6, 2), "two": (2, 4, 4, 2)}
OF_EIGHT = {
    "cifar10": (3, 32, 32, 10),
    "cifar100": (3, 32, 32, 100),
    "mnist": (1, 28, 28, 10),
    "svhn": (3, 32, 32, 10),
    "fashion": (1, 28, 28, 10),
    "gtsrb": (3, 32, 32, 43),
    "facescrub": (3, 32, 32, 100),
    "notmnist": (1, 28, 28, 10),
}


def made(name: str, channels: int, height: int, width: int, classes: int) -> Source:
    """A source of ten training and two test images a class."""
    generator = torch.Generator().manual_seed(len(name))
    y = torch.arange(classes).repeat(12)
    x = torch.randint(0, 256, (len(y), channels, height, width), generator=generator).byte()
    cut = 10 * classes
    return Source(name, tuple(f"{name} {label}" for label in range(classes)), x[:cut], y[:cut], x[cut:], y[cut:])


def register(monkeypatch: pytest.MonkeyPatch, shapes: dict[str, tuple[int, int, int, int]]) -> None:
    """Sources of these names, which may be those of real ones, for the time of a test."""
    for name, (channels, height, width, classes) in shapes.items():
        source = made(name, channels, height, width, classes)
        monkeypatch.setitem(SOURCES._loaded, name, lambda root, source=source: source)


@pytest.fixture(autouse=True)
def _sources(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    load_source.cache_clear()
    register(monkeypatch, SHAPES)
    yield
    load_source.cache_clear()


def inputs(examples: Examples) -> Tensor:
    return examples.batch(torch.arange(len(examples)))[0]


def outputs(scenario: Scenario) -> list[tuple[int, ...]]:
    return [task.classes for task in scenario.tasks]


def test_images_have_the_largest_size_and_colours_where_any_have() -> None:
    scenario = sequence(None, sources="small+wide+colour")
    assert scenario.input_shape == (3, 6, 6)
    for task, test in zip(scenario.tasks, scenario.test, strict=True):
        for examples in (task.training, task.validation, test):
            x = inputs(examples)
            assert x.dtype == torch.uint8
            assert x.shape == (len(examples), 3, 6, 6)
    grey = inputs(scenario.tasks[0].training)
    assert torch.equal(grey[:, 0], grey[:, 1])
    assert torch.equal(grey[:, 0], grey[:, 2])
    assert torch.equal(inputs(scenario.test[2]), load_source("colour").test_x)
    assert sequence(None, sources="small+wide").input_shape == (1, 6, 6)


def test_grey_images_are_held_once_for_all_channels() -> None:
    scenario = sequence(None, sources="small+colour")
    for examples in (scenario.tasks[0].training, scenario.test[0]):
        assert isinstance(examples, TensorExamples)
        assert examples.x.untyped_storage().nbytes() == len(examples) * 6 * 6


def test_images_are_scaled_bilinearly_and_even_ones_stay_even(monkeypatch: pytest.MonkeyPatch) -> None:
    step = torch.tensor([[0, 200], [0, 200]]).byte().expand(4, 1, 2, 2)
    y = torch.tensor([0, 1, 0, 1])
    monkeypatch.setitem(SOURCES._loaded, "step", lambda root: Source("step", ("a", "b"), step, y, step, y))
    test = inputs(sequence(None, sources="step", size=4, validation="training").test[0])
    assert test[0, 0].tolist() == [[0, 50, 150, 200]] * 4  # a quarter of the way, and three quarters
    halved = inputs(sequence(None, sources="step", size=1, validation="training").test[0])
    assert halved.flatten().tolist() == [100] * 4


def test_smaller_images_can_have_a_black_border() -> None:
    source = load_source("small")
    padded = inputs(sequence(None, sources="small", size=7, fit="pad").test[0])
    assert torch.equal(padded[:, :, 1:5, 1:5], source.test_x)
    assert int(padded.int().sum()) == int(source.test_x.int().sum())
    assert inputs(sequence(None, sources="small", size=3, fit="pad").test[0]).shape == (4, 1, 3, 3)


def test_outputs_are_own_ones_or_shared() -> None:
    for kind in ("task", "class"):
        assert outputs(sequence(None, kind=kind, sources="small+wide+colour")) == [(0, 1), (2, 3, 4), (5, 6)]
    shared = sequence(None, kind="domain", sources="small+colour")
    assert outputs(shared) == [(0, 1), (0, 1)]
    assert shared.classes == 2
    assert [task.original_classes for task in shared.tasks] == [("small 0", "small 1"), ("colour 0", "colour 1")]


def test_all_examples_of_every_data_set_are_there_once() -> None:
    scenario = sequence(0, sources="small+wide+colour")
    for task, test in zip(scenario.tasks, scenario.test, strict=True):
        source = load_source(task.name)
        assert len(task.training) == 9 * len(source.labels)
        assert len(task.validation) == len(source.labels)
        labels = test.batch(torch.arange(len(test)))[1] - task.classes[0]
        assert torch.equal(labels, source.test_y)


def test_the_seed_draws_the_order() -> None:
    def order(seed: int | None) -> list[str]:
        return [task.name for task in sequence(seed, sources="small+wide+colour").tasks]

    assert order(None) == ["small", "wide", "colour"]
    assert len({tuple(order(seed)) for seed in range(8)}) > 2
    assert order(5) == order(5)


def test_each_data_set_is_standardised_by_its_own_channels() -> None:
    scenario = sequence(None, sources="small+colour", standardise=True, validation=0.0)
    assert scenario.standardise is None
    for task in scenario.tasks:
        x = inputs(task.training)
        assert x.dtype == torch.float32
        assert x.mean((0, 2, 3)).tolist() == pytest.approx([0, 0, 0], abs=1e-3)
        assert x.std((0, 2, 3), unbiased=False).tolist() == pytest.approx([1, 1, 1], abs=1e-3)
    given = sequence(None, sources="small+colour", standardise="0.5/0.25")
    assert given.standardise == (0.5, 0.25)
    assert inputs(given.test[0]).dtype == torch.uint8


def test_a_standardisation_by_hand() -> None:
    x = torch.tensor([[[[0]], [[255]]]]).byte()
    assert Standardisation([0.5, 0.25], [0.5, 0.25])(x).flatten().tolist() == [-1, 3]
    digests = {Standardisation([0.5], [each]).digest() for each in (0.5, 0.25)}
    assert len(digests) == 2


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"sources": "small+wide", "kind": "domain"}, "different numbers of classes (small 2, wide 3): ask for kind"),
        ({"sources": "small+small"}, "names one twice"),
        ({"sources": "small+smal"}, "1 of 2 data sets cannot be had: smal: there is no source 'smal'"),
        ({"sources": ""}, "there is no source ''"),
        ({"sources": "two"}, "two cannot be in a sequence of data sets: its inputs are 2×4×4"),
        ({"sources": "small", "validation": 0.01}, "class small 0"),
        ({"sources": "small", "standardise": "1.2.3/4"}, "give mean and deviation"),
    ],
)
def test_what_does_not_fit_together_is_refused(options: dict[str, str], says: str) -> None:
    assert says in refusal(lambda: sequence(None, **options))  # type: ignore[arg-type]


def test_every_data_set_is_looked_for_at_the_given_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = []

    def loader(root: Path | None) -> Source:
        asked.append(root)
        return made("small", *SHAPES["small"])

    monkeypatch.setitem(SOURCES._loaded, "small", loader)
    scenario = scenario_reference("sequence:sources=small").build(0, tmp_path)
    assert asked == [tmp_path]
    assert scenario.name == "sequence:task,sources=small"


def test_the_eight_of_hat(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, OF_EIGHT)
    scenario = eight(None)
    assert [task.name for task in scenario.tasks] == list(EIGHT)
    assert [len(task.classes) for task in scenario.tasks] == [10, 100, 10, 10, 10, 43, 100, 10]
    assert scenario.classes == 293
    assert scenario.input_shape == (3, 32, 32)
    names = {tuple(task.name for task in eight(seed).tasks) for seed in range(3)}
    assert len(names) == 3
    # 15 % of ten are one or two of every class.
    assert [len(task.validation) for task in scenario.tasks] == [2 * len(task.classes) for task in scenario.tasks]
    plain = eight(None, standardise=False)
    mnist = inputs(plain.test[2])
    assert mnist.dtype == torch.uint8
    assert torch.equal(mnist[:, 1:2, 2:30, 2:30], load_source("mnist").test_x)
    border = torch.ones(32, 32, dtype=torch.bool)
    border[2:30, 2:30] = False
    assert not mnist[..., border].any()
    standardised = inputs(scenario.tasks[2].training)
    assert abs(float(standardised.mean())) < 0.02
    assert "ask for kind task or class" in refusal(lambda: eight(None, kind="domain"))


def test_where_some_of_the_eight_are_missing_the_error_says_which_and_why(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, {name: shape for name, shape in OF_EIGHT.items() if name not in {"svhn", "facescrub"}})
    for name in ("svhn", "facescrub"):
        monkeypatch.setitem(SOURCES._loaded, name, lambda root, name=name: load_source(f"no {name}"))
    message = refusal(lambda: eight(0))
    assert message.startswith("2 of 8 data sets cannot be had: svhn: there is no source 'no svhn'")
    assert "facescrub: there is no source 'no facescrub'" in message
    assert "gtsrb:" not in message
