"""Benchmarks of Avalanche as scenarios, and scenarios as benchmarks of Avalanche."""

import gzip
import hashlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.data import Dataset

from benches.avalanche_scenarios import digits, ours, theirs
from scenarios.avalanche import arguments_of, benchmarks, export, from_avalanche
from scenarios.bridge.reading import as_bytes, read
from scenarios.bridge.surroundings import quiet
from scenarios.errors import RequestError
from scenarios.examples import Examples
from scenarios.scenario import scenario_reference
from scenarios.sources.fashion import DATA


class Few(Dataset[tuple[Tensor, int]]):
    """A few images of each class; the first pixel of each is its class."""

    def __init__(self, classes: int, each: int = 10) -> None:
        self.targets = [label for label in range(classes) for _ in range(each)]
        self.x = torch.zeros(len(self.targets), 1, 2, 2, dtype=torch.uint8)
        self.x[:, 0, 0, 0] = torch.tensor(self.targets)

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.x[index].float() / 255, self.targets[index]


def whole(examples: Examples) -> tuple[Tensor, Tensor]:
    return examples.batch(torch.arange(len(examples)))


def nc(**options: Any) -> Any:
    with quiet():
        from avalanche.benchmarks import nc_benchmark

        return nc_benchmark(Few(6), Few(6, 4), **{"n_experiences": 3, "task_labels": False, **options})


def refused(action: Any) -> str:
    with pytest.raises(RequestError) as caught:
        action()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(("labels", "kind"), [(True, "task"), (False, "class")])
def test_new_classes_keep_their_order_and_become_bytes(labels: bool, kind: str) -> None:
    scenario = from_avalanche(nc(task_labels=labels, fixed_class_order=[3, 1, 5, 0, 2, 4]), validation=0.1)
    assert scenario.kind == kind
    assert scenario.input_shape == (1, 2, 2)
    assert [task.original_classes for task in scenario.tasks] == [(3, 1), (5, 0), (2, 4)]
    assert [task.classes for task in scenario.tasks] == [(0, 1), (2, 3), (4, 5)]
    for task, test in zip(scenario.tasks, scenario.test, strict=True):
        for examples, size in ((task.training, 18), (task.validation, 2), (test, 8)):
            x, y = whole(examples)
            assert x.dtype == torch.uint8
            assert len(y) == size
            names = dict(zip(task.classes, task.original_classes, strict=True))
            assert x[:, 0, 0, 0].tolist() == [names[label] for label in y.tolist()]


def test_classes_that_come_again_are_a_domain_and_one_test_set_is_for_all() -> None:
    with quiet():
        from avalanche.benchmarks import ni_benchmark

        benchmark = ni_benchmark(Few(2), Few(2, 3), n_experiences=2, seed=0, balance_experiences=True)
    scenario = from_avalanche(benchmark, validation=0)
    assert scenario.kind == "domain"
    assert [task.classes for task in scenario.tasks] == [(0, 1), (0, 1)]
    assert [len(test) for test in scenario.test] == [6, 6]
    assert from_avalanche(benchmark, kind="task", validation=0).classes == 4
    assert "ask for kind 'domain' or 'task'" in refused(lambda: from_avalanche(benchmark, kind="class"))


def test_normalize_is_left_out_and_what_else_evaluation_does_is_done() -> None:
    class Add:
        def __call__(self, x: Tensor) -> Tensor:
            return x + 7 / 255

    with quiet():
        from torchvision.transforms import Compose, Normalize

        benchmark = nc(shuffle=False, eval_transform=Compose([Add(), Normalize((0.5,), (0.1,))]), train_transform=None)
    x, _ = whole(from_avalanche(benchmark, validation=0).tasks[1].training)
    assert x[:, 0, 0, 0].unique().tolist() == [9, 10]


def test_all_training_inputs_are_standardised_by_one_mean_and_deviation() -> None:
    scenario = from_avalanche(nc(), validation=0, standardise=True)
    x = torch.cat([whole(task.training)[0] for task in scenario.tasks]).double() / 255
    assert scenario.standardise == (round(float(x.mean()), 4), round(float(x.std()), 4))
    with quiet():
        from avalanche.benchmarks import ni_benchmark

        black = ni_benchmark(Few(1), Few(1), n_experiences=2, seed=0, balance_experiences=True)
    assert "all its training inputs are 0.0" in refused(lambda: from_avalanche(black, validation=0, standardise=True))


@pytest.mark.parametrize("kind", ["task", "domain", "class"])
def test_an_exported_scenario_comes_back_the_same(kind: str) -> None:
    scenario = scenario_reference(f"split-digits:{kind}").build(seed=3)
    benchmark = export(scenario)
    assert [it.task_label for it in benchmark.train_stream] == ([0, 1, 2, 3, 4] if kind == "task" else [0] * 5)
    assert benchmark.classes_order == [output for task in scenario.tasks for output in task.classes]
    x, y, _ = benchmark.train_stream[1].dataset[0]
    first, label = scenario.tasks[1].training.batch(torch.tensor([0]))
    torch.testing.assert_close(x, first[0].float() / 255)
    assert y == int(label)
    again = from_avalanche(benchmark)
    assert again.kind == kind
    for mine, other in zip(scenario.tasks, again.tasks, strict=True):
        assert mine.classes == other.classes
        assert mine.training.digest() == other.training.digest()
        assert mine.validation.digest() == other.validation.digest()
    assert [it.digest() for it in scenario.test] == [it.digest() for it in again.test]


def test_what_a_network_standardises_is_exported_standardised() -> None:
    scenario = scenario_reference("split-digits:class,standardise=0.5/0.25").build()
    x, _, _ = export(scenario).test_stream[0].dataset[0]
    mine, _ = scenario.test[0].batch(torch.tensor([0]))
    torch.testing.assert_close(x, (mine[0].float() / 255 - 0.5) / 0.25)


@pytest.mark.parametrize("kind", ["task", "class"])
def test_naive_is_naive_both_ways(kind: str) -> None:
    """Their strategy on our tasks and ours on theirs: means over seeds within noise."""
    told = kind == "task"
    scenario = scenario_reference(f"split-digits:{kind},validation=0{'' if told else ',active=all'}").build()
    read = from_avalanche(digits(told), name="digits", validation=0, active="seen" if told else "all")
    means = [
        fmean(ours(scenario, seed, epochs=2) for seed in range(2)),
        fmean(theirs(export(scenario), seed, epochs=2, told=told) for seed in range(2)),
        fmean(ours(read, seed, epochs=2) for seed in range(2)),
    ]
    assert max(means) - min(means) < 0.03
    assert means[0] > 0.9 if told else means[0] < 0.3


def test_names_and_options_are_known_without_importing_it() -> None:
    script = (
        "import sys; from scenarios.scenario import scenario_reference as r;"
        "assert r('avalanche/SplitFMNIST:task,tasks=2,seed=7').text == 'avalanche/SplitFMNIST:task,tasks=2,seed=7';"
        "assert r('avalanche/SplitTinyImageNet:tasks=10').text == 'avalanche/SplitTinyImageNet:class';"
        "assert r('avalanche/PermutedMNIST').text == 'avalanche/PermutedMNIST:domain';"
        "assert 'avalanche' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], cwd=Path(__file__).parents[2], check=True, timeout=60)
    assert {"SplitMNIST", "RotatedMNIST", "SplitCIFAR100", "CORe50", "CLStream51"} <= set(benchmarks())


def test_a_seed_reaches_avalanche_and_none_keeps_the_natural_order() -> None:
    taken = benchmarks()["SplitFMNIST"][1]
    given = arguments_of(taken, {"tasks": 5, "fixed_class_order": "1+0"}, 4, told=True)
    assert given == {
        "n_experiences": 5,
        "fixed_class_order": [1, 0],
        "seed": 4,
        "shuffle": True,
        "return_task_id": True,
    }
    assert not arguments_of(taken, {}, None, told=False)["shuffle"]


def test_split_fmnist_reads_the_files_of_our_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small files of the same format, each class on an image's first pixel, found where ours are looked for."""
    sums = {}
    for name, each in zip(DATA.sums, (12, 12, 4, 4), strict=True):
        y = torch.arange(10, dtype=torch.uint8).repeat(each)
        x = y[:, None, None].repeat(1, 28, 28) if "images" in name else y
        sizes = b"".join(size.to_bytes(4, "big") for size in x.shape)
        content = bytes([0, 0, 8, x.ndim]) + sizes + x.numpy().tobytes()
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content))
        sums[name] = hashlib.sha256(content).hexdigest()
    monkeypatch.setattr("scenarios.sources.fashion.DATA", replace(DATA, sums=sums))
    scenario = scenario_reference("avalanche/SplitFMNIST:task,tasks=2,fixed_class_order=3+1+4+0+2+5+6+7+8+9").build(
        root=tmp_path
    )
    assert [task.original_classes for task in scenario.tasks] == [(3, 1, 4, 0, 2), (5, 6, 7, 8, 9)]
    assert scenario.name == "avalanche/SplitFMNIST:task,tasks=2,fixed_class_order=3+1+4+0+2+5+6+7+8+9"
    x, y = whole(scenario.tasks[0].training)
    assert (x.dtype, len(x), len(scenario.test[0])) == (torch.uint8, 55, 20)
    assert x[:, 0, 5, 5].tolist() == [(3, 1, 4, 0, 2)[label] for label in y.tolist()]
    with pytest.raises(RequestError, match="cannot be made with these options"):
        scenario_reference("avalanche/SplitFMNIST:task,tasks=3").build(root=tmp_path)


def test_what_is_wrong_is_said_in_one_line(tmp_path: Path) -> None:
    assert "did you mean 'SplitFMNIST'?" in refused(lambda: scenario_reference("avalanche/SplitFMIST"))
    assert "has no option 'rotations_list'" in refused(
        lambda: scenario_reference("avalanche/SplitMNIST:class,rotations_list=1")
    )
    assert "avalanch/SplitMNIST" in refused(lambda: scenario_reference("avalanch/SplitMNIST").build())
    assert "does not hold Fashion-MNIST" in refused(
        lambda: scenario_reference("avalanche/SplitFMNIST").build(root=tmp_path)
    )
    assert "no benchmark with a train and a test stream" in refused(lambda: from_avalanche(3))


def test_streams_that_are_no_sequence_are_refused() -> None:
    benchmark = nc()
    with quiet():
        from avalanche.benchmarks.scenarios.generic_scenario import CLScenario
        from avalanche.benchmarks.scenarios.online import split_online_stream

        online = split_online_stream(benchmark.train_stream, experience_size=5)
        online.name = "train"
        made = CLScenario([online, benchmark.test_stream])
        uneven = CLScenario([benchmark.train_stream, benchmark.test_stream[:2]])
    assert "online stream" in refused(lambda: from_avalanche(made))
    assert "3 training but 2 test experiences" in refused(lambda: from_avalanche(uneven))


@pytest.mark.parametrize(
    ("items", "says"),
    [
        ([], "has no examples"),
        ([(torch.zeros(2), 0), (torch.zeros(3), 1)], "all must be of one"),
        ([(torch.tensor([float("nan")]), 0)], "not finite"),
        ([(torch.zeros(2), 0.5)], "must be a whole number"),
        ([("a word", 0)], "is a str"),
    ],
)
def test_examples_that_cannot_be_read_are_refused(items: list[Any], says: str) -> None:
    assert says in refused(lambda: read(items, "this"))


def test_bytes_are_found_again_and_floats_stay() -> None:
    every = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(as_bytes(every.float() / 255), every)
    assert as_bytes(torch.tensor([0.1234])).dtype == torch.float32
    assert as_bytes(torch.tensor([-1.0, 1.0])).dtype == torch.float32
