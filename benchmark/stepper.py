"""One step of gradient descent, from the same hooks: as written, compiled whole, or for many replicas at once."""

import copy
import logging
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, vmap
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from benchmark.optimization import Optimizer
from benchmark.spec import RunSpec
from strategies.strategy import Batch, Strategy

Step = Callable[..., Tensor]
"""Takes a stepper, parameters, what else is read, and a batch; the loss."""

OFTEN = 20
"""A step is compiled for a shape of batch that has come so often; those that come by the way are not worth it."""

MOST_SHAPES = 4
"""For how many shapes of batch a step is compiled at most."""

MOST_KERNELS = 16
"""How many compiled steps a process keeps, for the phases and runs to come."""

KERNELS: list["Kernel"] = []
"""Those that are kept, the latest first."""


class Stepper:
    """Takes the steps of one strategy, or of several replicas of it at once.

    A single step as written calls the hooks on the strategy itself, with `torch.autograd`. Both other ways go
    through `torch.func`: gradient, adjustment and update become one function of parameters and batch, which
    `vmap` turns into that of all replicas, and `torch.compile` into one kernel or few.

    Args:
        strategies: one, or replicas whose parameters and buffers have the same shapes. Of several, all that a
            step reads is stacked along a first dimension, and what each has becomes its part of the stack.
        spec: optimiser and batch size.
        compiled: whether to compile. Where that fails it is said once, and steps are taken uncompiled.
        varied: hyper-parameters in which the replicas differ, each [replicas].
        carries: whether the optimiser is kept from task to task.

    Attributes:
        optimizer: fresh in every task, unless it is carried.
        parameters: what is trained, by name, without a gradient; stacked if there are replicas.
        seen: how often each shape of full batch has come; part of a checkpoint, as compiled steps round differently.
    """

    def __init__(
        self,
        strategies: Sequence[Strategy],
        spec: RunSpec,
        *,
        compiled: bool = False,
        varied: Mapping[str, Tensor] | None = None,
        carries: bool = False,
    ) -> None:
        self.carries = carries
        self.strategies = list(strategies)
        self.spec = spec
        self.compiled = compiled
        self.varied = dict(varied or {})
        self.replicas = None if len(self.strategies) == 1 else len(self.strategies)
        kind = type(self.strategies[0])
        self.adjusts = kind.adjust_gradients is not Strategy.adjust_gradients
        self.follows = kind.follow is not Strategy.follow
        self.acts = kind.after_step is not Strategy.after_step
        self.seen: dict[str, int] = {}
        self.optimizer: Optimizer | None = None
        self.hooks = _Hooks(self.strategies[0])
        self.kernels: dict[torch.Size, Step] = {}

    def start_task(self) -> None:
        """Take up what is to be trained, after the strategies' own `start_task`."""
        own = [dict(strategy.named_parameters()) for strategy in self.strategies]
        self.leaves = {name: parameter for name, parameter in own[0].items() if parameter.requires_grad}
        self.parameters = {name: joined([parameters[name] for parameters in own]) for name in self.leaves}
        self.others: dict[str, Tensor] | None = None
        if self.optimizer is None or not self.carries:
            self.optimizer = Optimizer(self.spec, self.parameters, self.replicas)

    def start_phase(self) -> None:
        """Read anew what is not trained, which the strategies' own `start_phase` may have replaced."""
        self.others = None
        self.kernels.clear()

    def __call__(self, batch: Batch) -> Tensor:
        """Take a step; the loss, a scalar or [replicas], not yet looked at.

        Args:
            batch: as prepared. Of replicas x, y and, unless it is shared, the task are stacked.
        """
        compiled = self.compiled and batch.fresh == self.spec.batch_size and self._compilable(batch)
        if not compiled and not self.replicas:
            return self.as_written(batch)
        if self.others is None:
            self.others = self._read(batch)
        if compiled:
            try:
                return self._compiled(with_floats(batch))
            except Exception as error:
                reason = f"{type(error).__name__}: {str(error).strip()}".splitlines()[0][:200]
                print(f"{self.spec.strategy} does not compile and is run uncompiled: {reason}", file=sys.stderr)
                self.compiled = False
        return self.functional(self.parameters, self.others, batch) if self.replicas else self.as_written(batch)

    def as_written(self, batch: Batch) -> Tensor:
        """A step of a single strategy, operation by operation."""
        (strategy,), optimizer = self.strategies, self.optimizer
        assert optimizer is not None
        loss = strategy.loss(batch)
        found = torch.autograd.grad(loss, tuple(self.leaves.values()), materialize_grads=True)
        of_loss = dict(zip(self.leaves, found, strict=True))
        with torch.no_grad():
            gradients = optimizer.decayed(of_loss, self.parameters)
            if self.adjusts:
                gradients = strategy.adjust_gradients(gradients, batch)
            optimizer.update(self.parameters, gradients)
            if self.follows:
                strategy.follow(of_loss, batch)
            if self.acts:
                strategy.after_step(batch)
        return loss.detach()

    def functional(self, parameters: dict[str, Tensor], others: dict[str, Tensor], batch: Batch) -> Tensor:
        """The same step as a function of tensors, which it changes in place: for the compiler, and for replicas."""
        optimizer = self.optimizer
        assert optimizer is not None

        def one(parameters: dict[str, Tensor], others: dict[str, Tensor], batch: Batch) -> tuple[Any, Any, Tensor]:
            def loss_of(parameters: dict[str, Tensor], others: dict[str, Tensor]) -> Tensor:
                return self.hooks.call("loss", {**parameters, **others}, batch)

            # What is read is an argument too: running averages of a network are changed in place.
            of_loss, loss = grad_and_value(loss_of)(parameters, others)
            gradients = optimizer.decayed(of_loss, parameters)
            if self.adjusts:
                gradients = self.hooks.call("adjust_gradients", {**parameters, **others}, gradients, batch)
            return gradients, of_loss if self.follows else {}, loss

        def after(
            parameters: dict[str, Tensor], others: dict[str, Tensor], of_loss: dict[str, Tensor], batch: Batch
        ) -> list[Tensor]:
            state = {**parameters, **others}
            if self.follows:
                self.hooks.call("follow", state, of_loss, batch)
            if self.acts:
                self.hooks.call("after_step", state, batch)
            return list(state.values())

        if self.replicas:
            own = 0 if batch.task.ndim == 2 else None
            shared = Batch(0, 0, own, None, None, None, None, dict.fromkeys(batch.extras, 0))  # type: ignore[arg-type]
            one = vmap(one, in_dims=(0, 0, shared), randomness="different")
            after = vmap(after, in_dims=(0, 0, 0, shared))
        gradients, of_loss, loss = one(parameters, others, batch)
        with torch.no_grad():
            optimizer.update(parameters, gradients)
            if self.follows or self.acts:
                after(parameters, others, of_loss, batch)
        return loss

    def _compiled(self, batch: Batch) -> Tensor:
        """The same step by a compiled function.

        Whether a compiled function suits is looked at once a phase for each shape of batch, not at every step: what
        it has taken for constant, hyper-parameters for one, does not change within a phase.
        """
        assert self.others is not None
        arguments = self, self.parameters, self.others, batch
        kernel = self.kernels.get(batch.x.shape)
        if kernel is not None:
            return kernel(*arguments)
        with quiet():
            kernel = self.kernels[batch.x.shape] = compiled_for(arguments)
            return kernel(*arguments)

    def _compilable(self, batch: Batch) -> bool:
        """Whether this shape of batch has come often enough to be compiled for."""
        shape = "x".join(map(str, batch.x.shape))
        times = self.seen[shape] = self.seen.get(shape, 0) + 1
        if times <= OFTEN:
            return False
        often = [shape for shape, times in self.seen.items() if times > OFTEN]
        return shape in often[:MOST_SHAPES]

    def _read(self, batch: Batch) -> dict[str, Tensor]:
        """What a step reads besides what is trained, by name, stacked if there are replicas.

        The hooks are then called on a template that has nothing else: memories, which grow from step to step,
        are neither stacked nor looked at by the compiler.
        """
        template = copy.deepcopy(self.strategies[0])
        first = batch
        if self.replicas:
            task = batch.task[0] if batch.task.ndim == 2 else batch.task
            extras = {name: tensor[0] for name, tensor in batch.extras.items()}
            first = batch._replace(x=batch.x[0], y=batch.y[0], task=task, extras=extras)
        known = {**dict(template.named_parameters()), **dict(template.named_buffers())}
        devices = [first.y.device] if first.y.device.type == "cuda" else []
        with torch.random.fork_rng(devices), Reading() as reading:
            template.loss(first)
            gradients = {name: torch.zeros_like(known[name]) for name in self.leaves}
            with torch.no_grad():
                template.adjust_gradients(gradients, first)
                template.follow(gradients, first)
                template.after_step(first)
        read = [
            name
            for name, tensor in known.items()
            if name not in self.leaves and name != "masks" and reading.has_seen(tensor)
        ]
        for name, _ in list(template.named_buffers()):
            if name not in read and name != "masks":
                path, _, leaf = name.rpartition(".")
                delattr(template.get_submodule(path), leaf)
        varied: dict[str, Tensor] = {}
        places = {module: path for path, module in template.named_modules()}
        for name, values in self.varied.items():
            holder, own = template.holder(name)
            delattr(holder, own)
            holder.register_buffer(own, values[0])
            varied[f"{places[holder]}.{own}".lstrip(".")] = values
        self.hooks = _Hooks(template)
        each = [{**dict(s.named_parameters()), **dict(s.named_buffers())} for s in self.strategies]
        return {name: joined([known[name] for known in each]) for name in read} | varied


class _Hooks(nn.Module):
    """A strategy whose hooks are called with other parameters and buffers than its own."""

    def __init__(self, strategy: Strategy) -> None:
        super().__init__()
        self.strategy = strategy

    def call(self, hook: str, state: dict[str, Tensor], *arguments: Any) -> Any:
        return functional_call(self, {f"strategy.{name}": value for name, value in state.items()}, (hook, *arguments))

    def forward(self, hook: str, *arguments: Any) -> Any:
        return getattr(self.strategy, hook)(*arguments)


class Kernel(NamedTuple):
    """A compiled step, and what it holds for.

    Attributes:
        step: the compiled function, which knows what it has taken for constant.
        functions: those the strategy kept as attributes, which it does not know.
    """

    step: Any
    functions: list[Any]


def compiled_for(arguments: tuple[Any, ...]) -> Step:
    """A compiled step that suits what it is called with: one that is there, or a new one, kept for its like."""
    functions = functions_of(arguments[0].strategies[0])
    for kernel in KERNELS:
        if kernel.functions == functions and kernel.step.guard_check(*arguments):
            step: Step = kernel.step
            return step
    # A gradient and what a strategy adds to it would become one `addmm`, which copies the addend first.
    whole: Any = torch.compile(Stepper.functional, fullgraph=True, dynamic=False, options={"pattern_matcher": False})
    try:
        step = whole.aot_compile((arguments, {}))
    except Exception:
        # What it takes for constant has to be written down, which not all can be: the class of a composition, say.
        torch.compiler.reset()  # it keeps eight functions, and takes no more
        return cast("Step", whole)
    step.disable_guard_check()  # type: ignore[attr-defined]
    KERNELS.insert(0, Kernel(step, functions))
    del KERNELS[MOST_KERNELS:]
    return step


def functions_of(strategy: Strategy) -> list[Any]:
    """The functions that a strategy and its parts keep as attributes."""
    kinds = FunctionType, MethodType, BuiltinFunctionType, partial
    return [each for part in strategy.modules() for each in vars(part).values() if isinstance(each, kinds)]


def with_floats(batch: Batch) -> Batch:
    """The batch with bytes scaled to [0, 1], as networks read them: torch's own loop is faster than the compiler's."""
    if batch.x.dtype == torch.uint8 and batch.x.device.type == "cpu":
        return batch._replace(x=batch.x.float().mul_(1 / 255))
    return batch


@contextmanager
def quiet() -> Iterator[None]:
    """Without what the compiler logs on its way, whole tracebacks among it: its exception says it once more."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


class Reading(TorchDispatchMode):
    """Notes, while it is entered, which tensors are read or written."""

    def __init__(self) -> None:
        super().__init__()
        self.places: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        leaves = tree_leaves((args, kwargs))
        self.places.update(leaf.data_ptr() for leaf in leaves if isinstance(leaf, Tensor))
        return func(*args, **(kwargs or {}))

    def has_seen(self, tensor: Tensor) -> bool:
        return tensor.numel() > 0 and tensor.data_ptr() in self.places


def joined(tensors: Sequence[Tensor]) -> Tensor:
    """The tensors as one, stacked along a first dimension, of which each becomes a part. One alone stays as it is."""
    if len(tensors) == 1:
        return tensors[0].detach()
    stacked = torch.stack([tensor.detach() for tensor in tensors])
    for tensor, part in zip(tensors, stacked, strict=True):
        tensor.data = part
    return stacked
