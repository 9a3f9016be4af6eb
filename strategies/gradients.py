"""Gradients of single examples, raised to a power and summed: what importance of weights is made of."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.nn.utils import parameters_to_vector

from scenarios.task import Task
from strategies.strategy import Batch, Strategy, Work

CHUNK = 64
"""Examples whose gradients are held at once, where they have to be written out."""

Objective = Callable[[Tensor, Tensor], Tensor]
"""From logits [B, classes] and targets [B] to what to differentiate [B], each entry from its own example alone."""


BATCH = 256
"""Examples of a task that are read at once."""


def averaged_powers(
    strategy: Strategy,
    task: Task,
    samples: int,
    objective: Objective,
    asked: Callable[[Batch], tuple[Tensor, Tensor]],
    power: int,
) -> Tensor:
    """`summed_powers` over training examples of a task, divided by their number, as one vector of all parameters.

    Args:
        strategy: put into evaluation mode meanwhile; it draws the examples, and its work is counted.
        task: the task.
        samples: how many examples at most.
        objective, power: as there.
        asked: the targets and weights [K, B] of a batch.
    """
    chosen = torch.randperm(len(task.training), generator=strategy.generator)[:samples]
    weights = parameters_to_vector(strategy.network.parameters()).detach()
    averages, device, training = torch.zeros_like(weights), weights.device, strategy.training
    strategy.eval()
    for x, y, at in task.training.batches(chosen, BATCH):
        batch = strategy.batch(x.to(device), y.to(device), at.to(device))
        targets, shares = asked(batch)
        strategy.work.add(Work(targets.numel(), targets.numel()))
        averages += parameters_to_vector(summed_powers(strategy, batch, objective, targets, shares, power).values())
    strategy.train(training)
    return averages / len(chosen)


def summed_powers(
    strategy: Strategy, batch: Batch, objective: Objective, targets: Tensor, weights: Tensor, power: int
) -> dict[str, Tensor]:
    """Σ_k Σ_b weights[k, b] · |∂ objective(logits[b], targets[k, b]) / ∂θ|^power for each parameter θ, by name.

    The gradient of one example for the weights of a linear layer is the outer product of the gradient for its
    outputs and of its inputs (Goodfellow 2015, arXiv 1510.01799), so that its powers are the outer product of
    their powers and the sum over examples is one product of matrices. Only where another layer has parameters
    are the gradients of single examples written out.

    Args:
        strategy: in evaluation mode: examples must not influence each other.
        batch: the examples [B].
        objectives: see `Objectives`.
        objective: see `Objective`.
        targets, weights: [K, B].
        power: 1 for magnitudes, 2 for squares.
    """
    linear = {name: module for name, module in strategy.network.named_modules() if isinstance(module, nn.Linear)}
    covered = {id(parameter) for module in linear.values() for parameter in module.parameters()}
    if all(id(parameter) in covered for parameter in strategy.network.parameters()):
        return _by_layer(strategy, batch, objective, targets, weights, power, linear)
    return _written_out(strategy, batch, objective, targets, weights, power)


def _by_layer(
    strategy: Strategy,
    batch: Batch,
    objective: Objective,
    targets: Tensor,
    weights: Tensor,
    power: int,
    linear: dict[str, nn.Linear],
) -> dict[str, Tensor]:
    inputs: dict[str, Tensor] = {}
    outputs: dict[str, Tensor] = {}

    def keep(name: str) -> Callable[[nn.Module, tuple[Tensor], Tensor], None]:
        def hook(module: nn.Module, arguments: tuple[Tensor], output: Tensor) -> None:
            inputs[name], outputs[name] = arguments[0].detach().abs() ** power, output

        return hook

    hooks = [module.register_forward_hook(keep(name)) for name, module in linear.items()]
    with torch.enable_grad():
        logits = strategy(batch)
        values = [objective(logits, target) for target in targets]
    for hook in hooks:
        hook.remove()
    sums = {name: torch.zeros_like(parameter) for name, parameter in strategy.network.named_parameters()}
    for value, weight in zip(values, weights, strict=True):
        slopes = torch.autograd.grad(value.sum(), list(outputs.values()), retain_graph=True, materialize_grads=True)
        for name, slope in zip(outputs, slopes, strict=True):
            weighted = weight[:, None] * slope.abs() ** power
            sums[f"{name}.weight"] += weighted.T @ inputs[name]
            if linear[name].bias is not None:
                sums[f"{name}.bias"] += weighted.sum(0)
    return sums


@torch.no_grad()
def _written_out(
    strategy: Strategy, batch: Batch, objective: Objective, targets: Tensor, weights: Tensor, power: int
) -> dict[str, Tensor]:
    parameters: dict[str, Tensor] = dict(strategy.network.named_parameters(prefix="network"))
    whole = _AroundNetwork(strategy)

    def value(parameters: dict[str, Tensor], x: Tensor, y: Tensor, task: Tensor, target: Tensor) -> Tensor:
        logits = functional_call(whole, parameters, (strategy.batch(x[None], y[None], task[None]),))
        return objective(logits, target[None])[0]

    gradients = vmap(grad(value), in_dims=(None, 0, 0, 0, 0))
    sums = {name: torch.zeros_like(parameter) for name, parameter in parameters.items()}
    tasks = batch.task.expand(len(batch.y))
    for target, weight in zip(targets, weights, strict=True):
        for part in torch.arange(len(batch.y), device=weights.device).split(CHUNK):
            each = gradients(parameters, batch.x[part], batch.y[part], tasks[part], target[part])
            for name, found in each.items():
                sums[name] += torch.tensordot(weight[part], found.abs().pow_(power), 1)
    return {name.removeprefix("network."): value for name, value in sums.items()}


class _AroundNetwork(nn.Module):
    """A strategy as a module that owns its network, which a part of a composed one does not."""

    def __init__(self, strategy: Strategy) -> None:
        super().__init__()
        self.network = strategy.network
        self.answer = strategy.forward

    def forward(self, batch: Batch) -> Tensor:
        return self.answer(batch)
