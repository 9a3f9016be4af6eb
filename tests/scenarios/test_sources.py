"""Sources that are always there, what they are checked for, and which scenarios are possible with them."""

import time
from dataclasses import replace

import pytest
import torch
from refusals import refusal

from scenarios.catalogue import SOURCES, data_place, list_scenarios, modality, source_shape
from scenarios.integrity import duplicates
from scenarios.permuted import permuted
from scenarios.rows import statistics
from scenarios.scenario import scenario_reference
from scenarios.sources.fashion import DATA as FASHION
from scenarios.sources.source import Source, checked, load_source
from scenarios.split import split
from strategies.networks.network import build_network

TABLES = {"iris": (120, 30, 4), "wine": (144, 34, 13), "breast-cancer": (456, 113, 30)}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_standardised_by_its_training_examples(name: str) -> None:
    from sklearn import datasets

    source = load_source(name)
    assert (len(source.x), len(source.test_x), *source.input_shape) == TABLES[name]
    assert source.modality == "tables"
    assert torch.allclose(source.x.double().mean(0), torch.zeros(()).double(), atol=1e-6)
    assert torch.allclose(source.x.double().std(0, correction=0), torch.ones(()).double(), atol=1e-5)
    data = getattr(datasets, f"load_{name.replace('-', '_')}")()
    rows = torch.from_numpy(data.data)
    members = (torch.from_numpy(data.target) == 0).nonzero().squeeze(1)
    training = torch.cat(
        [
            rows[torch.from_numpy(data.target) == label][
                [place for place in range(int((data.target == label).sum())) if place % 5 != 4]
            ]
            for label in range(len(data.target_names))
        ]
    )
    fifth = (rows[members[4]] - training.mean(0)) / training.std(0, correction=0)
    assert torch.allclose(source.test_x[source.test_y == 0][0].double(), fifth, atol=1e-5)


def test_the_signals_are_those_of_the_authors_generator() -> None:
    """The figures are of `make_dataset()` of their package mnist1d 0.0.2.post1."""
    source = load_source("mnist1d")
    assert source.x.shape == (4000, 1, 40)
    assert source.test_x.shape == (1000, 1, 40)
    assert source.x.dtype == torch.float32
    assert source.y[:10].tolist() == [2, 6, 4, 5, 6, 6, 6, 0, 3, 1]
    assert source.x[0, 0, :4].tolist() == pytest.approx([-0.33200567, -0.47191037, -0.77869708, -1.00974083], abs=1e-6)
    assert source.test_x[-1, 0, -3:].tolist() == pytest.approx([0.65987565, 0.87773435, 1.19315184], abs=1e-6)
    together = torch.cat([source.x, source.test_x]).double()
    assert together.mean().item() == pytest.approx(0, abs=1e-6)
    assert together.std(correction=0).item() == pytest.approx(1, abs=1e-6)
    assert torch.cat([source.y, source.test_y]).bincount().tolist() == [500] * 10


def test_the_three_tables_are_one_sequence() -> None:
    scenario = scenario_reference("tabular").build()
    assert [task.name for task in scenario.tasks] == list(TABLES)
    assert [task.classes for task in scenario.tasks] == [(0, 1, 2), (3, 4, 5), (6, 7)]
    assert scenario.input_shape == (30,)
    assert scenario.classes == 8
    iris = scenario.test[0].batch(torch.arange(30))
    assert torch.equal(iris[0][:, :4], load_source("iris").test_x)
    assert not iris[0][:, 4:].any()
    assert scenario.test[2].batch(torch.arange(113))[1].unique().tolist() == [6, 7]
    orders = {tuple(task.name for task in scenario_reference("tabular").build(seed).tasks) for seed in range(8)}
    assert len(orders) > 2
    assert "input should be 'task' or 'class'" in refusal(lambda: scenario_reference("tabular:domain"))


def test_what_needs_images_is_made_over_images_only() -> None:
    names = set(list_scenarios())
    assert {"split-wine", "permuted-mnist1d", "rotated-digits"} <= names
    assert not {"rotated-wine", "rotated-mnist1d"} & names
    assert refusal(lambda: scenario_reference("rotated-wine")) == (
        "rotated-wine is not possible: rotated needs images, but the inputs of wine are tables"
    )
    assert "inputs of mnist1d are signals" in refusal(lambda: scenario_reference("rotated-mnist1d:tasks=2"))
    assert "there is no scenario 'rotated-win'" in refusal(lambda: scenario_reference("rotated-win"))


def test_padding_is_for_images() -> None:
    for family, name, what in ((split, "wine", "tables"), (permuted, "mnist1d", "signals")):
        message = refusal(lambda: family(load_source(name), 0, padding=2))  # noqa: B023
        assert message == f"padding=2 is not possible: it is for images, and the inputs of {name} are {what}"


def test_floats_are_standardised_as_they_are() -> None:
    x = torch.tensor([[10.0, 20.0], [30.0, 40.0], [10.0, 40.0], [30.0, 20.0]])
    y = torch.tensor([0, 1, 0, 1])
    source = Source("pairs", ("a", "b"), x, y, x, y)
    assert source.statistics == (25.0, round(float(x.std()), 4))
    scenario = split(source, 0, tasks=2, validation="training", standardise=True)
    network = build_network("mlp:4", scenario)
    expected = (x - x.mean()) / x.std()
    assert torch.allclose(network.inputs(x), expected, atol=1e-4)
    same = replace(source, x=torch.ones(4, 2))
    assert "all its training inputs are 1.0" in refusal(
        lambda: split(same, 0, tasks=2, validation=0.0, standardise=True)
    )


def test_statistics_of_bytes_are_those_of_their_floats() -> None:
    x = torch.randint(0, 256, (5000, 3, 4, 4), generator=torch.Generator().manual_seed(0)).byte()
    source = Source("noise", ("a",), x, torch.zeros(5000), x[:1], torch.zeros(1))
    scaled = x.double() / 255
    expected = (round(float(scaled.mean()), 4), round(float(scaled.std()), 4))
    assert source.statistics == expected
    assert statistics([x[:1000], x[1000:].float() / 255]) == expected


def test_what_is_wrong_with_a_source_is_said_in_one_line(letters: Source) -> None:
    assert checked(letters) is letters
    y, floats = letters.y.clone(), letters.x.float()
    y[17] = 6
    test_y = letters.test_y.clone()
    test_y[3] = -1
    nan = floats.clone()
    nan[9, 0, 2, 2] = float("nan")
    one = letters.y != 2
    for change, expected in (
        ({"y": y}, "letters: training example 17 (from 0) has label 6: labels are 0 to 5"),
        ({"test_y": test_y}, "letters: test example 3 (from 0) has label -1: labels are 0 to 5"),
        ({"y": letters.y.float()}, "letters: training labels are torch.float32: whole numbers are wanted"),
        ({"y": letters.y.unsqueeze(1)}, "one number an example is wanted"),
        ({"y": letters.y[:-1]}, "letters has 120 training inputs, but 119 labels"),
        ({"x": letters.x[one], "y": letters.y[one]}, "letters: class 'c' has no training example"),
        ({"test_x": letters.test_x[:5], "test_y": letters.test_y[:5]}, "letters: class 'f' has no test example"),
        ({"x": nan, "test_x": letters.test_x.float()}, "letters: training example 9 (from 0) holds NaN or infinity"),
        ({"x": floats.double(), "test_x": letters.test_x.double()}, "they should be uint8 or float32"),
        ({"x": floats}, "they should be alike"),
        ({"test_x": letters.test_x[..., :3]}, "they should be alike"),
        ({"labels": ("a", "b", "c", "d", "e", "a")}, "letters: two classes are called 'a'"),
        ({"labels": ()}, "letters has no classes"),
    ):
        assert expected in refusal(lambda: checked(replace(letters, **change)))  # noqa: B023


@pytest.mark.usefixtures("fresh_registries")
def test_a_source_is_what_it_declares(letters: Source) -> None:
    for name, shape, says in (("letters4", "(1, 4, 4)", "declares 7"), ("letters5", "(1, 5, 5)", "declares (1, 5, 5)")):
        classes = 7 if name == "letters4" else 6
        load_plugin_text(name, classes, shape)
        SOURCES._loaded[name] = lambda root: letters
        assert says in refusal(lambda: load_source(name))  # noqa: B023


def load_plugin_text(name: str, classes: int, shape: str) -> None:
    """Make a source known as a plug-in's file would."""
    from scenarios.registry import Entry

    attributes = (("classes", str(classes)), ("shape", shape))
    SOURCES._plugins[name] = Entry(name, "", {}, "plugin_letters", attributes=attributes)


def test_every_source_says_its_classes_its_inputs_and_where_its_data_is() -> None:
    for name, entry in SOURCES.entries().items():
        assert int(entry.attribute("classes")) > 1
        assert modality(source_shape(name)) in {"images", "signals", "tables"}
        place = data_place(name)
        assert place["available"] in {True, False}
        assert place["data"]


def test_duplicates_are_found_by_content(letters: Source) -> None:
    assert duplicates(letters).tolist() == []
    test_x = letters.test_x.clone()
    test_x[[3, 29]] = letters.x[[100, 7]]
    assert duplicates(replace(letters, test_x=test_x)).tolist() == [3, 29]
    floats = replace(letters, x=letters.x.float() - 1, test_x=test_x.float() - 1)
    assert duplicates(floats).tolist() == [3, 29]
    zeros = replace(letters, x=torch.zeros(2, 3), test_x=torch.tensor([[0.0, -0.0, 0.0], [0.0, 0.0, 1.0]]))
    assert duplicates(zeros).tolist() == [0]
    assert duplicates(replace(letters, test_x=letters.test_x[:0])).tolist() == []


def test_the_duplicates_of_real_sources_are_found_in_a_moment() -> None:
    assert len(duplicates(load_source("digits"))) == 0
    if FASHION.here() is None:
        pytest.skip("Fashion-MNIST is not on this machine")
    fashion = load_source("fashion")
    began = time.process_time()
    found = duplicates(fashion)
    assert time.process_time() - began < 5
    both = {image.tobytes() for image in fashion.x.numpy()} & {image.tobytes() for image in fashion.test_x.numpy()}
    assert len(found) == len(both) == 0


def test_the_digits_are_those_that_scikit_learn_gives() -> None:
    from sklearn.datasets import load_digits

    source, theirs = load_source("digits"), load_digits()
    test = torch.zeros(len(theirs.target), dtype=torch.bool)
    for digit in range(10):
        test[(theirs.target == digit).nonzero()[0][4::5]] = True
    x = torch.from_numpy(theirs.images / 16 * 255).round().to(torch.uint8)
    y = torch.from_numpy(theirs.target).long()
    assert torch.equal(source.x.squeeze(1), x[~test])
    assert torch.equal(source.test_x.squeeze(1), x[test])
    assert torch.equal(source.y, y[~test])
    assert torch.equal(source.test_y, y[test])
