"""Several strategies at once, where their hooks compose: `rehearsal+ewc`."""

import inspect
from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor, nn

from scenarios.errors import RequestError
from scenarios.options import options_of
from scenarios.task import Task
from strategies.networks.network import Network
from strategies.strategy import Batch, Need, Phase, Strategy, Work

OWNED = ("loss", "forward", "phases")
"""Hooks that only one of the parts can define: two losses, say, have no meaning together."""


class Composed(Strategy):
    """Strategies that train one network together.

    Each keeps what it remembers as its own part of the state. `prepare`, `adjust_gradients`, `follow` and
    `after_step` go through the parts in the order they are named in; what they define of `loss`, `forward` and `phases`
    comes from one part.

    Attributes:
        composes: the classes of the parts.
        takes: the hyper-parameters of each part: by the part's name for one, the name it has here.
        parts: the strategies, all around the one network.
    """

    composes: ClassVar[tuple[type[Strategy], ...]]
    takes: ClassVar[tuple[dict[str, str], ...]]

    def __init__(self, network: Network, **hyperparameters: Any) -> None:
        super().__init__(network)
        self.parts = nn.ModuleList()
        for kind, names in zip(self.composes, self.takes, strict=True):
            part = kind(network, **{own: hyperparameters[name] for own, name in names.items()})
            # The network is registered with the whole alone, so that it is saved and counted once.
            del part._modules["network"]
            part.__dict__["network"] = network
            part.generator, part.work = self.generator, self.work
            self.parts.append(part)

    @property
    def members(self) -> list[Strategy]:
        """The parts, in the order of the name."""
        return list(self.parts)  # type: ignore[arg-type]

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name == "masks":  # set by the trainer, for all
            for part in self.members:
                part.masks = value

    @classmethod
    def needs_with(cls, hyperparameters: Mapping[str, Any]) -> frozenset[Need]:
        parts = zip(cls.composes, cls.takes, strict=True)
        own = [
            (kind, {theirs: hyperparameters[name] for theirs, name in names.items() if name in hyperparameters})
            for kind, names in parts
        ]
        return frozenset().union(*(kind.needs_with(given) for kind, given in own))

    def holder(self, hyperparameter: str) -> tuple[nn.Module, str]:
        for part, names in zip(self.members, self.takes, strict=True):
            for own, name in names.items():
                if name == hyperparameter:
                    return part, own
        return super().holder(hyperparameter)

    def example_bytes(self, x: Tensor) -> int:
        return self._holder_of_memory().example_bytes(x)

    def growth(self, tasks: int, sets: int) -> int:
        return sum(part.growth(tasks, sets) for part in self.members)

    def memory_for(self, examples: int, tasks: int) -> int:
        return self._holder_of_memory().memory_for(examples, tasks)

    def _holder_of_memory(self) -> Strategy:
        return next(part for part, names in zip(self.members, self.takes, strict=True) if "memory" in names)

    def owner(self, hook: str) -> Strategy | None:
        """The part that defines a hook which only one can, if there is one."""
        return next((part for part in self.members if defines(type(part), hook)), None)

    def start_task(self, task: Task) -> None:
        for part in self.members:
            part.start_task(task)

    def phases(self, task: Task) -> list[Phase]:
        owner = self.owner("phases")
        return owner.phases(task) if owner else super().phases(task)

    def start_phase(self, task: Task, number: int) -> None:
        for part in self.members:
            part.start_phase(task, number)

    def prepare(self, batch: Batch) -> Batch:
        for part in self.members:
            batch = part.prepare(batch)
        return batch

    def loss(self, batch: Batch) -> Tensor:
        owner = self.owner("loss")
        return owner.loss(batch) if owner else super().loss(batch)

    def adjust_gradients(self, gradients: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        for number, part in enumerate(self.members):
            adjusted = part.adjust_gradients(own_part(gradients, number), batch)
            theirs = {
                name if name.startswith("network.") else f"parts.{number}.{name}": it for name, it in adjusted.items()
            }
            gradients = {**gradients, **theirs}
        return gradients

    def follow(self, gradients: dict[str, Tensor], batch: Batch) -> None:
        for number, part in enumerate(self.members):
            part.follow(own_part(gradients, number), batch)

    def after_step(self, batch: Batch) -> None:
        for part in self.members:
            part.after_step(batch)

    def end_task(self, task: Task) -> None:
        for part in self.members:
            part.end_task(task)

    def forward(self, batch: Batch) -> Tensor:
        owner = self.owner("forward")
        return owner(batch) if owner else super().forward(batch)

    def step_work(self, batch: Batch) -> Work:
        total = super().step_work(batch)
        alone = Strategy.step_work(self, batch)
        for part in self.members:
            own = part.step_work(batch)
            total.add(Work(own.forward - alone.forward, own.backward - alone.backward))
        return total


def own_part(gradients: dict[str, Tensor], number: int) -> dict[str, Tensor]:
    """Those of the network and of a part, by the names that they have for the part."""
    prefix = f"parts.{number}."
    return {
        name.removeprefix(prefix): gradient
        for name, gradient in gradients.items()
        if name.startswith(("network.", prefix))
    }


def defines(kind: type[Strategy], hook: str) -> bool:
    """Whether a class has a hook that is not plain fine-tuning's."""
    return getattr(kind, hook) is not getattr(Strategy, hook)


def composed(name: str, kinds: dict[str, type[Strategy]]) -> type[Composed]:
    """The class of the strategies that are joined by "+" in a name.

    A hyper-parameter keeps its name where one part alone has it; else the part's name goes before it, as in
    `rehearsal_memory`.

    Raises:
        RequestError: where they cannot be composed.
    """
    for part, kind in kinds.items():
        if hasattr(kind, "learn"):
            raise RequestError(f"{name}: {part} cannot be composed: it owns its training loop")
    for hook in OWNED:
        owners = [part for part, kind in kinds.items() if defines(kind, hook)]
        if len(owners) > 1:
            raise RequestError(f"{name}: {' and '.join(owners)} cannot be composed: each has a `{hook}` of its own")
    options = {part: options_of(kind) for part, kind in kinds.items()}
    every = [option for own in options.values() for option in own]
    takes = tuple(
        {option: option if every.count(option) == 1 else f"{part.replace('-', '_')}_{option}" for option in own}
        for part, own in options.items()
    )
    parameters = [
        inspect.Parameter(
            names[option.name], inspect.Parameter.KEYWORD_ONLY, default=option.default, annotation=option.annotation
        )
        for own, names in zip(options.values(), takes, strict=True)
        for option in own.values()
    ]

    def __init__(self: Composed, network: Network, **hyperparameters: Any) -> None:
        Composed.__init__(self, network, **hyperparameters)

    __init__.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(each, inspect.Parameter.POSITIONAL_OR_KEYWORD) for each in ("self", "network")] + parameters
    )
    __init__.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return type(
        name,
        (Composed,),
        {
            "__init__": __init__,
            "__doc__": f"{' and '.join(kinds)} together.",
            "composes": tuple(kinds.values()),
            "takes": takes,
            "paper": "; ".join(kind.paper for kind in kinds.values() if kind.paper),
            "needs": frozenset().union(*(kind.needs for kind in kinds.values())),
            "alone": next((kind.alone for kind in kinds.values() if kind.alone), ""),
        },
    )
