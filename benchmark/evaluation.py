"""Measuring accuracy: one forward pass over test examples, in large batches."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scenarios.task import Examples, Scenario
from strategies.strategy import Batch, Strategy

BATCH = 1024


@dataclass(frozen=True)
class Evaluation:
    """What a strategy answered on the test examples of all tasks, in order.

    Attributes:
        accuracy: of each task, in [0, 1].
        predicted: output numbers, −1 where no class was active.
        confidence: softmax probability of the prediction among the active classes.
    """

    accuracy: list[float]
    predicted: NDArray[np.int16]
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
def evaluate(strategy: Strategy, scenario: Scenario, after: int, device: torch.device) -> Evaluation:
    """Test a strategy on every task, past, present and future.

    Args:
        strategy: put into evaluation mode for the time being.
        scenario: whose test examples.
        after: the last task that has begun, −1 before the first; it decides which classes are active.
        device: where the strategy is.
    """
    masks = scenario.masks(after).to(device)
    accuracy, predicted, confidence = [], [], []
    with evaluating(strategy):
        for examples in scenario.test:
            correct = 0
            for x, y, task in examples.batches(torch.arange(len(examples)), BATCH):
                told = task if scenario.kind == "task" else torch.zeros_like(task)
                answer, probability = _answer(strategy, x.to(device), told.to(device), masks)
                correct += int((answer.cpu() == y).sum())
                predicted.append(answer.to("cpu", torch.int16))
                confidence.append(probability.to("cpu", torch.float16))
            accuracy.append(correct / len(examples))
    return Evaluation(accuracy, torch.cat(predicted).numpy(), torch.cat(confidence).numpy())


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
        for x, y, task in examples.batches(torch.arange(len(examples)), BATCH):
            batch = Batch(x.to(device), y.to(device), task.to(device), masks, one, first, len(y))
            total += strategy.loss(batch) * len(y)
    return float(total) / len(examples)
