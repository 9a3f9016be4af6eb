"""What one writes by hand: float tensors in memory, a shuffled pass, one step a batch. Naive training."""

import itertools
import time
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from benches.timing import Measure
from benches.work import LR, Work, floats

EVALUATION_BATCH = 1024


def network(name: str, classes: int = 10) -> nn.Module:
    """The network of our name, written by hand for Fashion-MNIST."""
    if name == "cnn":
        return nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(32 * 7 * 7, 128),
            nn.ReLU(),
            nn.Linear(128, classes),
        )
    hidden = [int(units) for units in name.removeprefix("mlp:").split("x")]
    layers: list[nn.Module] = [nn.Flatten()]
    for incoming, outgoing in itertools.pairwise([28 * 28, *hidden]):
        layers += [nn.Linear(incoming, outgoing), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(hidden[-1], classes))


def train(model: nn.Module, x: Tensor, y: Tensor, batches: Iterator[Tensor]) -> None:
    """A step for each batch of indices."""
    optimizer = torch.optim.SGD(model.parameters(), lr=LR)
    for indices in batches:
        optimizer.zero_grad()
        loss = cross_entropy(model(x[indices]), y[indices])
        loss.backward()
        optimizer.step()


def batches(count: int, size: int, steps: int | None) -> Iterator[Tensor]:
    """Shuffled passes over so many examples: as many steps as asked for, or one pass."""
    once = lambda: torch.randperm(count).split(size)  # noqa: E731
    if steps is None:
        return iter(once())
    return itertools.islice(itertools.chain.from_iterable(once() for _ in itertools.repeat(None)), steps)


def first_task(work: Work) -> Measure:
    """Learning the first task."""
    torch.manual_seed(0)
    model = network(work.network, work.scenario.classes)
    x, y = floats(work.scenario.tasks[0].training)

    def measure() -> float:
        start = time.perf_counter()
        train(model, x, y, batches(len(y), work.batch_size, work.iterations))
        return time.perf_counter() - start

    return measure


def a_step(work: Work) -> Measure:
    """A step of the first task."""
    assert work.iterations is not None
    steps = work.iterations
    measure = first_task(work)
    return lambda: measure() / steps


def whole_run(work: Work) -> tuple[float, float]:
    """All tasks, tested on all of them before the first and after each: seconds, and the accuracy on
    the last task."""
    torch.manual_seed(0)
    model = network(work.network, work.scenario.classes)
    training = [floats(task.training) for task in work.scenario.tasks]
    test = [floats(examples) for examples in work.scenario.test]
    start = time.perf_counter()
    accuracies(model, test)
    for x, y in training:
        train(model, x, y, batches(len(y), work.batch_size, work.iterations))
        row = accuracies(model, test)
    return time.perf_counter() - start, row[-1]


@torch.inference_mode()
def accuracies(model: nn.Module, test: list[tuple[Tensor, Tensor]]) -> list[float]:
    """The accuracy on each task."""
    row = []
    for x, y in test:
        parts = zip(x.split(EVALUATION_BATCH), y.split(EVALUATION_BATCH), strict=True)
        row.append(sum(int((model(x).argmax(1) == y).sum()) for x, y in parts) / len(y))
    return row
