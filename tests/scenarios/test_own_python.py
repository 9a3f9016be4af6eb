"""Scenarios of tensors and torch data sets, and a run of one."""

from pathlib import Path
from typing import Any

import pytest
import torch
from refusals import refusal
from torch import Tensor
from torch.utils.data import Dataset, TensorDataset

from benchmark.request import RunRequest
from benchmark.run import run
from benchmark.spec import RunSpec
from scenarios.task import Scenario

Y = torch.arange(4).repeat_interleave(20)
X = torch.randint(0, 256, (80, 1, 4, 4), generator=torch.Generator().manual_seed(0)).byte()


class Pairs(Dataset[tuple[Tensor, Any]]):
    """Some of the examples above, with labels moved by so much."""

    def __init__(self, chosen: Tensor, less: int = 0) -> None:
        self.chosen, self.less = chosen, less

    def __len__(self) -> int:
        return len(self.chosen)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return X[self.chosen[index]], int(Y[self.chosen[index]]) - self.less


def of(*labels: int, odd: bool) -> Tensor:
    places = torch.arange(80)
    return places[torch.isin(Y, torch.tensor(labels)) & (places % 2 == int(odd))]


def everything(scenario: Scenario) -> list[Any]:
    return [
        [part.tolist() for part in examples.batch(torch.arange(len(examples)))]
        for task, test in zip(scenario.tasks, scenario.test, strict=True)
        for examples in (task.training, task.validation, test)
    ]


@pytest.mark.parametrize("family", ["split", "permuted"])
def test_a_dataset_gives_the_tasks_of_its_tensors(family: str) -> None:
    held = Scenario.from_tensors(X, Y, family=family, seed=1, kind="class", tasks=2)
    read = Scenario.from_dataset(TensorDataset(X, Y), family=family, seed=1, kind="class", tasks=2)
    assert everything(held) == everything(read)
    assert held.name == f"{family}-tensors:class,tasks=2"
    assert [a.digest() for a in held.test] == [b.digest() for b in read.test]
    batches = [list(s.tasks[1].training.batches(torch.arange(20), 7)) for s in (held, read)]
    assert all(torch.equal(*each) for a, b in zip(*batches, strict=True) for each in zip(a, b, strict=True))


def test_a_test_part_may_be_given(letters: Any) -> None:
    for scenario in (
        Scenario.from_tensors(X[::2], Y[::2], test=(X[1::2], Y[1::2]), tasks=2),
        Scenario.from_dataset(Pairs(of(0, 1, 2, 3, odd=False)), test=Pairs(of(0, 1, 2, 3, odd=True)), tasks=2),
    ):
        assert [len(test) for test in scenario.test] == [20, 20]
        assert torch.equal(scenario.test[1].batch(torch.arange(20))[0], X[of(2, 3, odd=True)])


@pytest.mark.parametrize(
    ("kind", "less", "outputs", "classes"),
    [
        ("task", 2, [(0, 1), (2, 3)], 4),
        ("class", 0, [(0, 1), (2, 3)], 4),
        ("domain", 2, [(0, 1), (0, 1)], 2),
        ("domain", 1, [(0, 1), (1, 2)], 3),
    ],
)
def test_a_pair_of_datasets_a_task(kind: Any, less: int, outputs: Any, classes: int) -> None:
    pairs = [
        (Pairs(of(*two, odd=False), shift), Pairs(of(*two, odd=True), shift))
        for two, shift in (((0, 1), 0), ((2, 3), less))
    ]
    scenario = Scenario.from_pairs(pairs, kind=kind)
    assert [task.classes for task in scenario.tasks] == outputs
    assert (scenario.classes, scenario.input_shape) == (classes, (1, 4, 4))
    assert [(len(task.training), len(task.validation)) for task in scenario.tasks] == [(18, 2), (18, 2)]
    x, y = scenario.test[1].batch(torch.arange(20))
    assert torch.equal(x, X[of(2, 3, odd=True)])
    assert y.unique().tolist() == list(outputs[1])


def test_what_does_not_go_together_is_refused_in_one_line() -> None:
    nan = X.float()
    nan[7] = torch.nan
    odd = TensorDataset(torch.zeros(4, 2), torch.tensor([0.5, 1, 0, 1]))
    for action, says in (
        (lambda: Scenario.from_tensors(X, Y[:9]), "80 inputs, and labels of shape (9,)"),
        (lambda: Scenario.from_tensors(X, Y.float()), "labels are torch.float32"),
        (lambda: Scenario.from_tensors(X, Y - 1), "labels are torch.int64 from -1"),
        (lambda: Scenario.from_tensors(nan, Y), "row 7 holds NaN"),
        (lambda: Scenario.from_tensors(X.long(), Y), "inputs are torch.int64"),
        (lambda: Scenario.from_tensors(X, Y, test=(X[:9], Y[:9])), "class 1 is in one of"),
        (lambda: Scenario.from_tensors(X, Y, family="splt"), "did you mean 'split'"),
        (lambda: Scenario.from_tensors(X, Y, tsks=2), "did you mean 'tasks'"),
        (lambda: Scenario.from_tensors(X, Y * 0), "one class alone"),
        (lambda: Scenario.from_dataset(odd), "example 0 has label 0.5"),
        (lambda: Scenario.from_dataset(Pairs(torch.arange(0))), "is empty"),
        (lambda: Scenario.from_pairs([]), "there are none"),
        (lambda: Scenario.from_pairs([(Pairs(of(0, 1, odd=True)), Pairs(of(2, odd=True)))]), "has class 2"),
        (
            lambda: Scenario.from_pairs([(Pairs(of(0, 1, odd=True)),) * 2, (TensorDataset(X[:, 0], Y),) * 2]),
            "task 2: inputs are torch.uint8 (4, 4), those of task 1 torch.uint8 (1, 4, 4)",
        ),
    ):
        assert says in refusal(action)


def test_one_is_run_from_python(tmp_path: Path) -> None:
    scenario = Scenario.from_dataset(Pairs(torch.arange(80)), tasks=2)
    spec = RunSpec.checked(
        scenario=scenario.name,
        strategy="rehearsal",
        hyperparameters={"memory": 10},
        network="mlp:16",
        iterations=20,
        seeds={"init": 0, "order": 0},
    )
    record = run(RunRequest(spec, tmp_path / "mine"), scenario=scenario)
    assert record.status == "completed"
    assert record.scenario_digest == scenario.digest
    assert (tmp_path / "mine" / "record.json").exists()
