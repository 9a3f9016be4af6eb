"""Evaluation: right answers counted right, and nothing else touched."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from benchmark import evaluation
from benchmark.evaluation import Evaluation, _batch_size, evaluate, mean_loss
from scenarios.examples import Examples, TensorExamples
from scenarios.own import DatasetRows
from scenarios.scenario import scenario_reference
from scenarios.task import Scenario, Task
from strategies.networks.network import build_network
from strategies.strategy import Batch, Strategy

CPU = torch.device("cpu")
KINDS = ["task", "domain", "class"]


def made(reference: str, network: str = "mlp:20") -> tuple[Strategy, Scenario]:
    scenario = scenario_reference(reference).build(seed=0)
    torch.manual_seed(0)
    return Strategy(build_network(network, scenario)), scenario


def labels(examples: Examples) -> Tensor:
    return examples.batch(torch.arange(len(examples)))[1]


def of_task(scenario: Scenario, found: Evaluation, index: int) -> slice:
    start = sum(map(len, scenario.test[:index]))
    return slice(start, start + len(scenario.test[index]))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("kind", KINDS)
def test_accuracy_is_torchmetrics_accuracy(kind: str) -> None:
    from torchmetrics.classification import MulticlassAccuracy

    strategy, scenario = made(f"split-digits:{kind}")
    found = evaluate(strategy, scenario, 1, CPU)
    for index, examples in enumerate(scenario.test):
        predicted = torch.from_numpy(found.predicted[of_task(scenario, found, index)].astype(np.int64))
        metric = MulticlassAccuracy(num_classes=scenario.classes + 1, average="micro")
        expected = metric(torch.where(predicted < 0, scenario.classes, predicted), labels(examples))
        assert found.accuracy[index] == pytest.approx(float(expected), abs=1e-7)


@pytest.mark.parametrize("kind", KINDS)
def test_predictions_are_the_most_probable_active_class(kind: str) -> None:
    strategy, scenario = made(f"split-digits:{kind}")
    found = evaluate(strategy, scenario, 1, CPU)
    assert (found.predicted.dtype, found.confidence.dtype) == (np.int16, np.float16)
    for index, examples in enumerate(scenario.test):
        active = scenario.masks(1)[index].nonzero().squeeze(1)
        logits = strategy.network(examples.batch(torch.arange(len(examples)))[0])[:, active]
        probability, place = logits.softmax(1).max(1)
        part = of_task(scenario, found, index)
        assert found.predicted[part].tolist() == active[place].tolist()
        assert found.confidence[part] == pytest.approx(probability.detach().numpy(), abs=1e-3)


def test_before_the_first_task_of_kind_class_nothing_can_be_answered() -> None:
    strategy, scenario = made("split-digits:class")
    found = evaluate(strategy, scenario, -1, CPU)
    assert found.accuracy == [0.0] * 5
    assert set(found.predicted.tolist()) == {-1}
    assert set(found.confidence.tolist()) == {0.0}


def test_classes_not_seen_yet_are_never_answered() -> None:
    strategy, scenario = made("split-digits:class")
    found = evaluate(strategy, scenario, 1, CPU)
    assert found.accuracy[2:] == [0.0] * 3
    assert set(found.predicted.tolist()) <= {0, 1, 2, 3}
    everything = made("split-digits:class,active=all")
    assert len(set(evaluate(*everything, -1, CPU).predicted.tolist())) > 2


@pytest.mark.parametrize("kind", KINDS)
def test_the_size_of_batches_changes_nothing(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    strategy, scenario = made(f"split-digits:{kind}")
    results, losses = [], []
    for size in (1024, 64, 7):
        monkeypatch.setattr(evaluation, "BATCH", size)
        results.append(evaluate(strategy, scenario, 4, CPU))
        losses.append(mean_loss(strategy, scenario.tasks[0].validation, scenario.masks(4), CPU))
    for other in results[1:]:
        assert other.accuracy == results[0].accuracy
        assert other.predicted.tolist() == results[0].predicted.tolist()
        assert other.confidence == pytest.approx(results[0].confidence, abs=1e-3)
    assert losses[1:] == pytest.approx([losses[0]] * 2, rel=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_answered_on_a_task_hangs_on_no_other_task(kind: str) -> None:
    strategy, scenario = made(f"split-digits:{kind}")
    whole = evaluate(strategy, scenario, 2, CPU)
    for tasks in ([], [3], [0, 2], [0, 1, 2, 3, 4]):
        found = evaluate(strategy, scenario, 2, CPU, tasks)
        assert found.tasks == tuple(tasks)
        assert found.accuracy == [whole.accuracy[task] if task in tasks else None for task in range(5)]
        for name in ("predicted", "confidence"):
            parts = [getattr(whole, name)[of_task(scenario, whole, task)] for task in tasks]
            assert getattr(found, name).tobytes() == b"".join(part.tobytes() for part in parts)
            assert getattr(found, name).dtype == getattr(whole, name).dtype


def test_more_outputs_than_16_bits_count_are_told_apart() -> None:
    plain, scenario = made("split-digits:domain")
    many = Scenario(**{**vars(scenario), "classes": 40_000})
    strategy = Strategy(build_network("mlp:4", many))
    with torch.no_grad():
        strategy.network.output.bias[39_999] = 100.0
    found = evaluate(strategy, many, 0, CPU)
    assert found.predicted.dtype == np.int32
    assert set(found.predicted.tolist()) == {39_999}
    assert evaluate(plain, scenario, 0, CPU).predicted.dtype == np.int16


GROWTH = """
import resource, torch
from benchmark.evaluation import evaluate
from scenarios.scenario import scenario_reference
from strategies.networks.network import build_network
from strategies.strategy import Strategy

torch.set_num_threads(1)
scenario = scenario_reference("permuted-digits:task,tasks=1000").build(seed=0)
strategy = Strategy(build_network("mlp:100", scenario))
for tasks in (20, 80):
    evaluate(strategy, scenario, 0, torch.device("cpu"), range(tasks))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def test_memory_does_not_grow_with_the_tasks_tested() -> None:
    """Ten thousand outputs: fifteen megabytes a batch, which a small result kept beside them can hold on to."""
    ran = subprocess.run([sys.executable, "-c", GROWTH], capture_output=True, text=True, check=True)
    few, many = map(int, ran.stdout.split())
    assert many - few < 300, "megabytes"


class Frozen(Strategy):
    """Keeps a teacher in evaluation mode whatever happens around it."""

    def __init__(self, network: Any) -> None:
        super().__init__(network)
        self.teacher = nn.Sequential(nn.Dropout(0.5))
        self.teacher.eval()


class Pairs(Dataset[tuple[Tensor, int]]):
    """The examples of another set, one at a time."""

    def __init__(self, examples: Examples) -> None:
        self.x, self.y = examples.batch(torch.arange(len(examples)))

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.x[index], int(self.y[index])


def read_from_disk(scenario: Scenario) -> Scenario:
    """The same scenario with test and validation examples of a `Dataset`."""

    def read(examples: Examples) -> TensorExamples:
        return TensorExamples(DatasetRows(Pairs(examples), "pairs"), examples.labels(), examples.task)

    tasks = tuple(Task(**{**vars(task), "validation": read(task.validation)}) for task in scenario.tasks)
    test = tuple(map(read, scenario.test))
    return Scenario(**{**vars(scenario), "tasks": tasks, "test": test})


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("from_disk", [True, False])
def test_modes_weights_and_random_numbers_are_left_as_they_were(training: bool, from_disk: bool) -> None:
    plain, scenario = made("split-digits", "mlp:20,dropout=0.5")
    scenario = read_from_disk(scenario) if from_disk else scenario
    strategy = Frozen(plain.network)
    strategy.network.train(training)
    modes = [module.training for module in strategy.modules()]
    weights = {name: value.clone() for name, value in strategy.state_dict().items()}
    state = torch.get_rng_state()
    strategy.generator.manual_seed(3)
    drawn = strategy.generator.get_state()
    first = evaluate(strategy, scenario, 0, CPU)
    mean_loss(strategy, scenario.tasks[0].validation, scenario.masks(0), CPU)
    assert [module.training for module in strategy.modules()] == modes
    assert all(torch.equal(value, weights[name]) for name, value in strategy.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(strategy.generator.get_state(), drawn)
    assert evaluate(strategy, scenario, 0, CPU).confidence.tolist() == first.confidence.tolist()


def test_modes_are_put_back_where_a_strategy_breaks() -> None:
    class Breaking(Strategy):
        def forward(self, batch: Batch) -> Tensor:
            raise ValueError("no answer")

    plain, scenario = made("split-digits")
    strategy = Breaking(plain.network)
    with pytest.raises(ValueError, match="no answer"):
        evaluate(strategy, scenario, 0, CPU)
    assert strategy.training


def test_examples_read_from_disk_are_answered_alike() -> None:
    strategy, scenario = made("split-digits")
    held, read = (evaluate(strategy, each, 0, CPU) for each in (scenario, read_from_disk(scenario)))
    assert held.accuracy == read.accuracy
    assert held.confidence.tolist() == read.confidence.tolist()


def test_the_mean_loss_is_that_of_all_examples_at_once() -> None:
    strategy, scenario = made("split-digits:class", "mlp:20,dropout=0.5")
    validation = scenario.tasks[1].validation
    x, y = validation.batch(torch.arange(len(validation)))
    strategy.eval()
    logits = strategy.network(x)[:, :4]
    expected = nn.functional.cross_entropy(logits, y)
    strategy.train()
    assert mean_loss(strategy, validation, scenario.masks(1), CPU) == pytest.approx(expected.item(), rel=1e-5)
    assert strategy.training


def test_large_inputs_are_tested_in_smaller_batches() -> None:
    assert _batch_size((1, 28, 28)) == _batch_size((3, 64, 64)) == 1024
    assert _batch_size((3, 256, 256)) == 85
    assert _batch_size((3, 10_000, 10_000)) == 1
