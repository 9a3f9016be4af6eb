"""The same work done three ways: by Forgetless, by a plain PyTorch loop, by Avalanche.

All train the same network on the same tasks, in one process, on one thread, with plain SGD and the same
number of steps. Each returns its seconds, and the average accuracy it ends with, so that it can be seen to
have done the work.
"""

import io
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from benchmark.evaluation import evaluate
from benchmark.observers.observer import Observer
from benchmark.run import build_strategy, load_scenario
from benchmark.spec import RunSpec
from benchmark.trainer import Trainer
from scenarios.scenario import scenario_reference
from scenarios.task import Examples, Scenario
from strategies.strategy import bind_hyperparameters

SCENARIO = "split-fashion:class,active=all,validation=0"
LR = 0.05


@dataclass(frozen=True)
class Work:
    """One epoch of each of the first tasks, for a network with two hidden layers of `hidden` units."""

    hidden: int
    batch_size: int
    tasks: int = 2

    @cached_property
    def scenario(self) -> Scenario:
        whole = load_scenario(scenario_reference(SCENARIO).text, None, None)
        return replace(whole, tasks=whole.tasks[: self.tasks], test=whole.test[: self.tasks])


@dataclass(frozen=True)
class Done:
    """How long it took, and what it came to."""

    seconds: float
    accuracy: float


def forgetless_trainer(work: Work) -> Trainer:
    """Naive fine-tuning in our trainer, with its hooks, divergence checks and reports."""
    spec = RunSpec(
        scenario=work.scenario.name,
        strategy="naive",
        hyperparameters=bind_hyperparameters("naive", {}),
        network=f"mlp:{work.hidden}x{work.hidden}",
        lr=LR,
        batch_size=work.batch_size,
        epochs=1,
        seeds={"init": 0, "order": 0},
    )
    return Trainer(build_strategy(spec, work.scenario), work.scenario, spec, Observer(), lambda task: None)


def forgetless(work: Work) -> Done:
    """Training alone."""
    trainer = forgetless_trainer(work)
    for task in work.scenario.tasks:
        trainer.learn(task.index)
    row = evaluate(trainer.strategy, work.scenario, work.tasks - 1, torch.device("cpu"))
    return Done(sum(cost.seconds for cost in trainer.outcome.costs), sum(row.accuracy) / work.tasks)


def forgetless_run(work: Work) -> Done:
    """A whole run: tested on all tasks before the first and after each."""
    trainer = forgetless_trainer(work)
    start = time.perf_counter()
    trainer.run()
    return Done(time.perf_counter() - start, sum(trainer.outcome.rows[-1].accuracy) / work.tasks)


def plain(work: Work) -> Done:
    """What one writes by hand: tensors in memory, a shuffled pass, one step a batch. Training alone."""
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
    for task in work.scenario.tasks:
        x, y = floats(task.training)
        optimizer = torch.optim.SGD(model.parameters(), lr=LR)
        start = time.perf_counter()
        for indices in torch.randperm(len(y)).split(work.batch_size):
            optimizer.zero_grad()
            loss = cross_entropy(model(x[indices]), y[indices])
            loss.backward()
            optimizer.step()
        seconds += time.perf_counter() - start
    return Done(seconds, average_accuracy(model, work))


def avalanche_lean(work: Work) -> Done:
    """Avalanche's Naive at its fastest: float tensors in memory, no metrics, no logger. Training alone."""
    with quiet():
        from avalanche.benchmarks import benchmark_from_datasets
        from avalanche.benchmarks.utils import as_classification_dataset
        from avalanche.training.plugins import EvaluationPlugin

        train = []
        for task in work.scenario.tasks:
            dataset = torch.utils.data.TensorDataset(*floats(task.training))
            dataset.targets = dataset.tensors[1].tolist()
            train.append(as_classification_dataset(dataset))
        strategy, model = avalanche_naive(work, EvaluationPlugin())
        start = time.perf_counter()
        for experience in benchmark_from_datasets(train=train).train_stream:
            strategy.train(experience, num_workers=0)
        seconds = time.perf_counter() - start
    return Done(seconds, average_accuracy(model, work))


def avalanche_run(work: Work) -> Done:
    """Avalanche's Naive as its classic benchmarks have it: pictures through ToTensor, accuracy and loss
    metrics, a text logger, tested on all tasks after each. A whole run.
    """
    with quiet():
        from avalanche.benchmarks import nc_benchmark
        from avalanche.evaluation.metrics import accuracy_metrics, loss_metrics
        from avalanche.logging import TextLogger
        from avalanche.training.plugins import EvaluationPlugin
        from torchvision.transforms import ToTensor

        classes = 2 * work.tasks
        benchmark = nc_benchmark(
            Pictures([task.training for task in work.scenario.tasks]),
            Pictures(work.scenario.test),
            n_experiences=work.tasks,
            task_labels=False,
            fixed_class_order=list(range(classes)),
            train_transform=ToTensor(),
            eval_transform=ToTensor(),
        )
        measured = [*accuracy_metrics(epoch=True, experience=True), *loss_metrics(epoch=True, experience=True)]
        strategy, model = avalanche_naive(work, EvaluationPlugin(*measured, loggers=[TextLogger(io.StringIO())]))
        start = time.perf_counter()
        for experience in benchmark.train_stream:
            strategy.train(experience, num_workers=0)
            strategy.eval(benchmark.test_stream, num_workers=0)
        seconds = time.perf_counter() - start
    return Done(seconds, average_accuracy(model, work))


class Pictures(torch.utils.data.Dataset):
    """Examples as (PIL image, label), the way torchvision's data sets give them."""

    def __init__(self, parts: "list[Examples] | tuple[Examples, ...]") -> None:
        batches = [examples.batch(torch.arange(len(examples))) for examples in parts]
        self.images = np.concatenate([x.squeeze(1).numpy() for x, _ in batches])
        self.targets = torch.cat([y for _, y in batches]).tolist()

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[object, int]:
        from PIL import Image

        return Image.fromarray(self.images[index]), self.targets[index]


def avalanche_naive(work: Work, evaluator: object) -> tuple[object, nn.Module]:
    """Its strategy around its own network of the same shape."""
    from avalanche.models import SimpleMLP
    from avalanche.training.supervised import Naive

    torch.manual_seed(0)
    model = SimpleMLP(num_classes=10, hidden_size=work.hidden, hidden_layers=2, drop_rate=0)
    strategy = Naive(
        model=model,
        optimizer=torch.optim.SGD(model.parameters(), lr=LR),
        criterion=nn.CrossEntropyLoss(),
        train_mb_size=work.batch_size,
        eval_mb_size=1024,
        train_epochs=1,
        evaluator=evaluator,
    )
    return strategy, model


def floats(examples: Examples) -> tuple[torch.Tensor, torch.Tensor]:
    """All inputs on [0, 1], and all labels."""
    x, y = examples.batch(torch.arange(len(examples)))
    return x.float() / 255, y


@torch.inference_mode()
def average_accuracy(model: nn.Module, work: Work) -> float:
    """Mean over tasks of the accuracy on their test examples."""
    model.eval()
    pairs = [floats(examples) for examples in work.scenario.test]
    return sum(float((model(x).argmax(1) == y).float().mean()) for x, y in pairs) / len(pairs)


@contextmanager
def quiet() -> Iterator[None]:
    """Avalanche warns of loggers and solvers that this does not use."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
