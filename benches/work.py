"""The same work done three ways: by Forgetless, by a plain PyTorch loop, by Avalanche.

All three train the same network on the same tasks, in one process, with plain SGD and the same number of
steps; each returns its training seconds, evaluation left out, and its average accuracy at the end.
"""

import time
import warnings
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from benchmark.evaluation import evaluate
from benchmark.observers.observer import Observer
from benchmark.run import build_strategy, load_scenario
from benchmark.spec import RunSpec
from benchmark.trainer import Trainer
from scenarios.scenario import scenario_reference
from scenarios.task import Scenario
from strategies.strategy import bind_hyperparameters

SCENARIO = "split-fashion:class,active=all,validation=0"
LR = 0.05


@dataclass(frozen=True)
class Work:
    """What is to be done: one epoch of each of five tasks."""

    hidden: int
    batch_size: int
    tasks: int = 5

    def scenario(self) -> Scenario:
        return load_scenario(scenario_reference(SCENARIO).text, None, None)


@dataclass(frozen=True)
class Done:
    """How long it took, and what it came to."""

    seconds: float
    accuracy: float


def forgetless(work: Work, strategy: str = "naive") -> Done:
    """Forgetless's trainer, with its hooks, divergence checks and reports."""
    scenario = work.scenario()
    spec = RunSpec(
        scenario=scenario.name,
        strategy=strategy,
        hyperparameters=bind_hyperparameters(strategy, {}),
        network=f"mlp:{work.hidden}x{work.hidden}",
        lr=LR,
        batch_size=work.batch_size,
        epochs=1,
        seeds={"init": 0, "order": 0},
    )
    trainer = Trainer(build_strategy(spec, scenario), scenario, spec, Observer(), lambda task: None)
    for task in scenario.tasks[: work.tasks]:
        trainer.learn(task)
    seconds = sum(cost.seconds for cost in trainer.outcome.costs)
    accuracy = evaluate(trainer.strategy, scenario, len(scenario.tasks) - 1, torch.device("cpu")).accuracy
    return Done(seconds, sum(accuracy) / len(accuracy))


def plain(work: Work) -> Done:
    """What one writes by hand: tensors in memory, a shuffled pass, one step a batch."""
    scenario = work.scenario()
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Flatten(),
        nn.Linear(784, work.hidden),
        nn.ReLU(),
        nn.Linear(work.hidden, work.hidden),
        nn.ReLU(),
        nn.Linear(work.hidden, 10),
    )
    seconds = 0.0
    for task in scenario.tasks[: work.tasks]:
        x, y = task.training.batch(torch.arange(len(task.training)))
        x = x.float() / 255
        optimizer = torch.optim.SGD(model.parameters(), lr=LR)
        start = time.perf_counter()
        for indices in torch.randperm(len(y)).split(work.batch_size):
            optimizer.zero_grad()
            loss = cross_entropy(model(x[indices]), y[indices])
            loss.backward()
            optimizer.step()
        seconds += time.perf_counter() - start
    accuracy = []
    with torch.inference_mode():
        for examples in scenario.test:
            x, y = examples.batch(torch.arange(len(examples)))
            accuracy.append(float((model(x.float() / 255).argmax(1) == y).float().mean()))
    return Done(seconds, sum(accuracy) / len(accuracy))


def avalanche(work: Work) -> Done:
    """Avalanche's Naive on the same tensors, logging and evaluation switched off."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from avalanche.benchmarks import benchmark_from_datasets
        from avalanche.benchmarks.utils import as_classification_dataset
        from avalanche.models import SimpleMLP
        from avalanche.training.plugins import EvaluationPlugin
        from avalanche.training.supervised import Naive
    scenario = work.scenario()
    train = []
    for task in scenario.tasks[: work.tasks]:
        x, y = task.training.batch(torch.arange(len(task.training)))
        dataset = torch.utils.data.TensorDataset(x.float() / 255, y)
        dataset.targets = y.tolist()  # type: ignore[attr-defined]
        train.append(as_classification_dataset(dataset))
    benchmark = benchmark_from_datasets(train=train)
    torch.manual_seed(0)
    model = SimpleMLP(num_classes=10, hidden_size=work.hidden, hidden_layers=2, drop_rate=0)
    strategy = Naive(
        model=model,
        optimizer=torch.optim.SGD(model.parameters(), lr=LR),
        criterion=nn.CrossEntropyLoss(),
        train_mb_size=work.batch_size,
        train_epochs=1,
        evaluator=EvaluationPlugin(),
    )
    seconds = 0.0
    for experience in benchmark.train_stream:
        start = time.perf_counter()
        strategy.train(experience, num_workers=0)
        seconds += time.perf_counter() - start
    accuracy = []
    with torch.inference_mode():
        model.eval()
        for examples in scenario.test:
            x, y = examples.batch(torch.arange(len(examples)))
            accuracy.append(float((model(x.float() / 255).argmax(1) == y).float().mean()))
    return Done(seconds, sum(accuracy) / len(accuracy))
