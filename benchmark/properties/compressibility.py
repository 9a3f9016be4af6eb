"""How many weights a task can do without."""

from collections.abc import Sequence
from itertools import takewhile
from typing import Annotated

import torch
from pydantic import Field, PositiveInt
from torch import Tensor

from benchmark.properties.property import ONE_CLASS, Measurement, Property, Subject, register

SHARES = (*(step / 20 for step in range(20)), 0.98, 0.99)
"""The shares of weights that are taken, one after another: 0, 0.05, …, 0.95, 0.98, 0.99."""

ROUNDING = 1e-9
"""Far less than one example, far more than the error of a difference of accuracies."""


@register("compressibility")
class Compressibility(Property):
    """Largest share of weights that can be set to zero, smallest first, at the cost of a point of accuracy.

    One-shot global magnitude pruning (Han et al. 2015 without the training in between): the smallest of all
    weights of matrices and convolutions together, in absolute value; biases and normalisation are left alone.
    Accuracy is that on the task's test examples. The value is the largest share of the grid up to which, at
    this share and at every smaller one, accuracy falls by no more than the tolerance; a share that does well
    again after one that did not is luck.

    A network no better than guessing has nothing to lose and would compress best of all: there the value is
    null, so that forgetting a task does not count as compressing it.

    Beside it: `curve`, the accuracy at each share of the grid; the first is the accuracy unpruned.

    Args:
        tolerance: fall of accuracy that is allowed. Below as many test examples as its inverse, none may be
            lost.
        examples: at most so many test examples, the same after every task.
    """

    unit = "share"
    better = "higher"
    cost = "22 evaluations on a thousand test examples"

    def __init__(self, *, tolerance: Annotated[float, Field(ge=0, le=1)] = 0.01, examples: PositiveInt = 1000) -> None:
        self.tolerance = tolerance
        self.examples = examples

    def measure(self, subject: Subject) -> Measurement:
        if len(subject.active) < 2:
            return ONE_CLASS
        x, y = subject.sample(subject.test, self.examples)
        model = subject.copy()
        weights = [weight for weight in model.network.parameters() if weight.ndim > 1]
        order = torch.cat([weight.detach().flatten() for weight in weights]).abs().argsort(stable=True)
        curve = []
        for share in SHARES:
            prune(weights, order[: round(share * len(order))])
            curve.append(float((subject.answers(x, model).argmax(1) == y).double().mean()))
        beside = {"curve": curve}
        if curve[0] <= 1 / len(subject.active):
            return Measurement(None, "the network is no better than guessing: it has nothing to lose", beside)
        enough = curve[0] - self.tolerance - ROUNDING
        *_, (share, _) = takewhile(lambda point: point[1] >= enough, zip(SHARES, curve, strict=True))
        return Measurement(share, None, beside)


@torch.no_grad()
def prune(weights: Sequence[Tensor], places: Tensor) -> None:
    """Set to zero the elements numbered `places` of the weights, counted through one after another."""
    kept = torch.ones(sum(weight.numel() for weight in weights), device=places.device)
    kept[places] = 0
    for weight, part in zip(weights, kept.split([weight.numel() for weight in weights]), strict=True):
        weight.mul_(part.view_as(weight))
