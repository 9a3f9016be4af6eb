"""Subjects to measure: networks trained for a moment on digits, and ones whose answer is known by hand."""

import copy
from collections.abc import Callable, Iterator
from functools import lru_cache

import pytest
import torch
from torch import Tensor, nn

from benchmark.properties.property import Subject
from scenarios.examples import TensorExamples
from scenarios.scenario import scenario_reference
from scenarios.task import Kind, Scenario, Task
from strategies.hat import HAT
from strategies.naive import Naive
from strategies.networks.network import Gate, Network, build_network
from strategies.strategy import Batch, Strategy

CPU = torch.device("cpu")
STRATEGIES: dict[str, Callable[[Network], Strategy]] = {"naive": Naive, "hat": HAT}


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@lru_cache
def learned(kind: Kind, strategy: str, tasks: int = 2, steps: int = 150) -> tuple[Scenario, Strategy]:
    """Split digits, and a strategy that was trained on its first tasks."""
    scenario = scenario_reference(f"split-digits:{kind}").build()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = STRATEGIES[strategy](build_network("mlp:32x32", scenario))
        for task in scenario.tasks[:tasks]:
            learn(model, task, scenario, steps)
    return scenario, model.eval()


def learn(model: Strategy, task: Task, scenario: Scenario, steps: int) -> None:
    """The trainer's loop in short."""
    model.masks = scenario.masks(task.index)[: task.index + 1]
    model.start_task(task)
    model.train()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    for step in range(steps):
        x, y = task.training.batch(torch.randint(len(task.training), (32,)))
        progress = torch.tensor(step % 15 / 14)
        batch = Batch(x, y, torch.tensor([task.index]), model.masks, progress, torch.tensor(step // 15), len(y))
        optimizer.zero_grad()
        model.loss(batch).backward()
        gradients = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
        for name, gradient in model.adjust_gradients(gradients, batch).items():
            model.get_parameter(name).grad = gradient
        optimizer.step()
        model.after_step(batch)
    model.end_task(task)


@pytest.fixture
def subject() -> Callable[..., Subject]:
    """A trained network after task `after`, facing task `seen`."""

    def make(kind: Kind = "task", strategy: str = "naive", seen: int = 0, after: int = 1) -> Subject:
        scenario, model = learned(kind, strategy, after + 1)
        task = scenario.tasks[seen]
        generator = torch.Generator().manual_seed(seen)
        return Subject(copy.deepcopy(model), task, scenario.test[seen], scenario.masks(after), generator, CPU)

    return make


class Linear(Network):
    """x ↦ Wx + b: a network whose answers are known by hand."""

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        super().__init__()
        self.gateable, self.connections = (), {}
        self.output = nn.Linear(weight.shape[1], weight.shape[0])
        with torch.no_grad():
            self.output.weight.copy_(weight)
            self.output.bias.copy_(torch.zeros(len(weight)) if bias is None else bias)

    def features(self, x: Tensor, gate: Gate | None = None) -> Tensor:
        return self.inputs(x).flatten(1)


@pytest.fixture
def linear() -> Callable[..., Subject]:
    """A linear network facing one task whose training and test examples are the ones given."""

    def make(weight: Tensor, x: Tensor, y: Tensor, bias: Tensor | None = None) -> Subject:
        classes = tuple(range(len(weight)))
        examples = TensorExamples(x, y, 0)
        task = Task(0, "by hand", classes, classes, examples, examples)
        masks = torch.ones(1, len(weight), dtype=torch.bool)
        model = Naive(Linear(weight, bias)).eval()
        return Subject(model, task, examples, masks, torch.Generator().manual_seed(0), CPU)

    return make
