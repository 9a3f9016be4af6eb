"""The curvature of the minimum that training came to."""

from collections.abc import Callable, Sequence
from typing import Annotated

import torch
from pydantic import Field, PositiveInt
from torch import Tensor

from benchmark.properties.property import ONE_CLASS, Measurement, Property, Subject, register

Product = Callable[[Tensor], Tensor]
"""v [P] ↦ Hv [P] of a symmetric matrix H."""


@register("sharpness")
class Sharpness(Property):
    """Largest eigenvalue of the Hessian of the task's training loss (Mirzadeh et al. 2020).

    The loss is the mean cross-entropy over the active classes, as a function of the network's trained
    parameters, on fixed training examples of the task. To second order, moving the weights by Δ from a
    minimum raises it by at most ½ λ_max ‖Δ‖²: a flat minimum forgets less.

    Power iteration finds the eigenvalue of largest magnitude. Where that is negative, a second iteration
    on H − λI, whose eigenvalues are all shifted up, finds the largest one. It stops where the residual
    ‖Hv − λv‖, within which of λ there is always an eigenvalue, is below a share of |λ|. A Rayleigh quotient
    never exceeds λ_max, so that without convergence the value is a lower bound, and the reason says so.

    Beside it: `iterations`, products with the Hessian; `converged`; `loss`; `gradient_norm`, far from zero
    where the weights are at no minimum of this task, as when it was forgotten.

    Args:
        examples: training examples, the same after every task.
        iterations: at most so many products with the Hessian, of each of the two iterations.
        tolerance: the residual to stop at, as a share of the eigenvalue of the matrix iterated on; the
            quotient is usually far nearer to it. Below about 1e-4 it drowns in the rounding of float32.
    """

    unit = "eigenvalue"
    better = "lower"
    cost = "some tens of products with the Hessian, each about four gradients"

    def __init__(
        self,
        *,
        examples: PositiveInt = 256,
        iterations: PositiveInt = 100,
        tolerance: Annotated[float, Field(gt=0, lt=1)] = 0.001,
    ) -> None:
        self.examples = examples
        self.iterations = iterations
        self.tolerance = tolerance

    def measure(self, subject: Subject) -> Measurement:
        if len(subject.active) < 2:
            return ONE_CLASS
        x, y = subject.sample(subject.task.training, self.examples)
        loss = subject.model.network.criterion(subject.logits(x), y)
        parameters = [each for each in subject.model.network.parameters() if each.requires_grad]
        gradient, product = curvature(loss, parameters)
        start = torch.randn(len(gradient), generator=subject.generator).to(gradient)
        value, used, converged = largest(product, start, self.iterations, self.tolerance)
        return Measurement(
            value,
            None if converged else f"not converged in {used} iterations: the value is a lower bound",
            {
                "iterations": used,
                "converged": converged,
                "loss": loss.item(),
                "gradient_norm": gradient.norm().item(),
            },
        )


def curvature(loss: Tensor, parameters: Sequence[Tensor]) -> tuple[Tensor, Product]:
    """The gradient [P] of a loss, and the product with its Hessian, by double backward (Pearlmutter 1994)."""

    def flat(tensors: Sequence[Tensor]) -> Tensor:
        return torch.cat([tensor.flatten() for tensor in tensors])

    first = torch.autograd.grad(loss, parameters, create_graph=True, materialize_grads=True)
    gradient = flat(first)

    def product(v: Tensor) -> Tensor:
        return flat(torch.autograd.grad(gradient.dot(v), parameters, retain_graph=True, materialize_grads=True))

    return gradient.detach(), product


def largest(product: Product, start: Tensor, iterations: int, tolerance: float) -> tuple[float, int, bool]:
    """The largest eigenvalue of a symmetric matrix, of either sign; otherwise as `dominant`."""
    value, used, converged = dominant(product, start, iterations, tolerance)
    if value >= 0:
        return value, used, converged
    shifted, more, converged = dominant(lambda v: product(v) - value * v, start, iterations, tolerance)
    return shifted + value, used + more, converged


def dominant(product: Product, start: Tensor, iterations: int, tolerance: float) -> tuple[float, int, bool]:
    """The eigenvalue of largest magnitude of a symmetric matrix, by power iteration.

    Args:
        product: of the matrix.
        start: the first v, not zero.
        iterations: at most so many products.
        tolerance: the residual to stop at, as a share of the eigenvalue.

    Returns:
        The Rayleigh quotient vᵀHv, the number of products, and whether the residual came to be that small.
    """
    value = 0.0
    turned = start
    for used in range(1, iterations + 1):
        v = turned / turned.norm()
        turned = product(v)
        value = turned.dot(v).item()
        if (turned - value * v).norm() <= tolerance * abs(value):
            return value, used, True
    return value, iterations, False
