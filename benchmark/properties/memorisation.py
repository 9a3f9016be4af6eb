"""How fast the network can still learn what has no rule."""

import torch
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor
from torch.nn.functional import cross_entropy

from benchmark.properties.property import Measurement, Property, Subject, register

FITTED = 0.99
"""Accuracy on the training examples from which on their labels count as learned."""


@register("memorisation")
class Memorisation(Property):
    """Steps a copy needs to learn random labels of training examples by heart (Zhang et al. 2017).

    Labels with no rule can only be memorised, so that the steps tell what free capacity and plasticity the
    weights have left, whatever they know: a network that has lost plasticity takes longer (Lyle et al. 2023).
    Hence fewer are better. That is no statement on generalisation: networks that generalise also memorise.

    Each step is one full-batch gradient of the cross-entropy over the active classes with a fresh Adam. All
    of the network's trained parameters move, inside the function the task has now: in evaluation mode, with
    the running averages of batch normalisation as they are and HAT's gates at their hardest. Labels are drawn
    once, equally many of each of the task's own classes, so that the target is the same after every task also
    where the active classes grow.

    Where the budget does not suffice the value is the budget, and the reason says that it is a lower bound.

    Beside it: `fitted`, whether it sufficed; `accuracy` reached on the random labels; `steps_true`, the same
    for the true labels from the same weights, 0 where these are known already, null where the budget did not
    suffice; `ratio` of the two, null where it has no meaning.

    Args:
        examples: training examples, the same after every task.
        budget: steps after which it gives up.
        lr: learning rate of Adam.
    """

    unit = "steps"
    better = "lower"
    cost = "up to twice the budget in gradients of some hundred examples"

    def __init__(self, *, examples: PositiveInt = 128, budget: PositiveInt = 500, lr: PositiveFloat = 1e-3) -> None:
        self.examples = examples
        self.budget = budget
        self.lr = lr

    def measure(self, subject: Subject) -> Measurement:
        x, y = subject.sample(subject.task.training, self.examples)
        classes = y.unique()
        if len(classes) < 2:
            return Measurement(None, "the task has only one class, so no label can be random")
        mixed = torch.randperm(len(y), generator=subject.generator).to(y.device)
        steps, accuracy = self.fit(subject, x, classes[mixed % len(classes)])
        steps_true, accuracy_true = self.fit(subject, x, y)
        fitted, fitted_true = accuracy >= FITTED, accuracy_true >= FITTED
        return Measurement(
            steps,
            None if fitted else f"not fitted in {self.budget} steps: the value is a lower bound",
            {
                "fitted": fitted,
                "accuracy": accuracy,
                "steps_true": steps_true if fitted_true else None,
                "ratio": steps / steps_true if fitted and fitted_true and steps_true else None,
            },
        )

    def fit(self, subject: Subject, x: Tensor, y: Tensor) -> tuple[int, float]:
        """Steps taken until the labels are fitted or the budget is spent, and the accuracy then."""
        model = subject.copy()
        trained = [parameter for parameter in model.network.parameters() if parameter.requires_grad]
        optimizer = torch.optim.Adam(trained, self.lr, fused=True)
        for steps in range(self.budget + 1):
            logits = subject.logits(x, model)
            accuracy = float((logits.argmax(1) == y).double().mean())
            if accuracy >= FITTED or steps == self.budget:
                break
            gradients = torch.autograd.grad(cross_entropy(logits, y), trained, materialize_grads=True)
            for parameter, gradient in zip(trained, gradients, strict=True):
                parameter.grad = gradient
            optimizer.step()
        return steps, accuracy
