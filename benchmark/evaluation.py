"""Measuring accuracy: one forward pass over test examples, in large batches."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scenarios.examples import Examples
from scenarios.task import Scenario
from strategies.strategy import Batch, Strategy

BATCH = 1024
"""Examples at once, unless they are large."""

BYTES = 2**26
"""Inputs of a batch, as floats, take no more."""


@dataclass(frozen=True)
class Evaluation:
    """What a strategy answered on the test examples of some tasks.

    Attributes:
        tasks: which, in the order of the sequence.
        accuracy: on every task, in [0, 1]; None on those not tested.
        predicted: output numbers on the examples of `tasks`, one task after another; −1 where no class was
            active. int16, or int32 where there are more outputs than that can count.
        confidence: softmax probability of the prediction among the active classes.
    """

    tasks: tuple[int, ...]
    accuracy: list[float | None]
    predicted: NDArray[np.signedinteger]
    confidence: NDArray[np.float16]


@contextmanager
def evaluating(strategy: Strategy) -> Iterator[None]:
    """Evaluation mode for a while; the mode of each module and the global generator are put back after."""
    modes = [(module, module.training) for module in strategy.modules()]
    strategy.eval()
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        for module, training in modes:
            module.training = training


@torch.inference_mode()
def evaluate(
    strategy: Strategy, scenario: Scenario, after: int, device: torch.device, tasks: Sequence[int] | None = None
) -> Evaluation:
    """Test a strategy on tasks, past, present and future.

    Every task fills batches of its own. What is answered on it therefore hangs on no other task, to the last
    bit, and is the same whichever of them are tested.

    Args:
        strategy: put into evaluation mode for the time being.
        scenario: whose test examples.
        after: the last task that has begun, −1 before the first; it decides which classes are active.
        device: where the strategy is.
        tasks: the tasks to test, in order; None for all.
    """
    chosen = tuple(range(len(scenario.tasks)) if tasks is None else tasks)
    sizes = [len(scenario.test[index]) for index in chosen]
    masks = scenario.masks(after).to(device)
    # Made before the first batch: small results kept between the large ones of each batch would leave memory in
    # pieces too small for the next batch. On the device, so that nothing is waited for until the end.
    narrow = torch.int16 if scenario.classes <= torch.iinfo(torch.int16).max else torch.int32
    predicted = torch.empty(sum(sizes), dtype=narrow, device=device)
    confidence = torch.empty(sum(sizes), dtype=torch.float16, device=device)
    labels = torch.empty(sum(sizes), dtype=narrow)
    done, size = 0, _batch_size(scenario.input_shape)
    with evaluating(strategy):
        for examples in (scenario.test[index] for index in chosen):
            for x, y, task in examples.batches(torch.arange(len(examples)), size):
                told = task if scenario.kind == "task" else torch.zeros_like(task)
                answer, probability = _answer(strategy, x.to(device), told.to(device), masks)
                part = slice(done, done + len(y))
                predicted[part], confidence[part], labels[part] = answer, probability, y
                done += len(y)
    predicted = predicted.cpu()
    accuracy: list[float | None] = [None] * len(scenario.tasks)
    for index, right in zip(chosen, (predicted == labels).split(sizes), strict=True):
        accuracy[index] = int(right.sum()) / len(right)
    return Evaluation(chosen, accuracy, predicted.numpy(), confidence.cpu().numpy())


def _batch_size(shape: tuple[int, ...]) -> int:
    """How many inputs of a shape are tested at once."""
    return max(1, min(BATCH, BYTES // (4 * math.prod(shape))))


def _answer(strategy: Strategy, x: Tensor, task: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
    """Predicted outputs [B] and their probabilities [B]; −1 and 0 where no class is active.

    The strategy is shown no label, and no task where the kind of scenario does not tell it: all tasks have
    the same active classes then, so any index will do.
    """
    unknown = torch.zeros(len(x), dtype=torch.long, device=x.device)
    batch = Batch(x, unknown, task, masks, torch.ones((), device=x.device), torch.tensor(0), len(x))
    probability, answer = strategy(batch).softmax(1).max(1)
    possible = batch.active.any(1)
    return torch.where(possible, answer, -1), torch.where(possible, probability, 0.0)


@torch.no_grad()
def mean_loss(strategy: Strategy, examples: Examples, masks: Tensor, device: torch.device) -> float:
    """The strategy's own loss, averaged over examples, in evaluation mode (what a schedule watches)."""
    total = torch.zeros((), device=device)
    one, first = torch.ones((), device=device), torch.tensor(0)
    with evaluating(strategy):
        shape = tuple(examples.batch(torch.zeros(1, dtype=torch.long))[0].shape[1:])
        for x, y, task in examples.batches(torch.arange(len(examples)), _batch_size(shape)):
            batch = Batch(x.to(device), y.to(device), task.to(device), masks, one, first, len(y))
            total += strategy.loss(batch) * len(y)
    return float(total) / len(examples)


@torch.no_grad()
def learned(strategy: Strategy, examples: Examples, masks: Tensor, device: torch.device) -> bool:
    """Whether every one of the examples is answered right; with a readout, to within its tolerance in every unit."""
    readout = strategy.network.readout
    one, first = torch.ones((), device=device), torch.tensor(0)
    with evaluating(strategy), readout.measuring_units() if readout else nullcontext():
        for x, y, task in examples.batches(torch.arange(len(examples)), BATCH):
            y = y.to(device)
            scores = strategy(Batch(x.to(device), y, task.to(device), masks, one, first, len(y)))
            right = readout.learned(scores, y) if readout else torch.eq(scores.argmax(1), y)
            if not bool(right.all()):
                return False
    return True
