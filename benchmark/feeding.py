"""Batches for one run, or for replicas at once: each replica's own, side by side."""

from collections.abc import Callable, Iterator, Sequence
from itertools import repeat

import torch
from torch import Tensor

from benchmark.replica import Replica
from scenarios.examples import Examples
from strategies.strategy import Batch, Strategy

Shares = dict[int, Examples]
"""The examples of each replica, by its `id`."""


class Feed:
    """Makes batches. Those of several replicas are stacked along a first dimension.

    Args:
        replicas: in place of one that is not learning stands the first that is.
        size: examples in a step, of each replica.
        device: where batches go.
    """

    def __init__(self, replicas: Sequence[Replica], size: int, device: torch.device) -> None:
        self.replicas = replicas
        self.size = size
        self.device = device
        self.prepares = type(replicas[0].strategy).prepare is not Strategy.prepare

    def on_device(self, shares: Shares) -> Shares:
        """The same examples where they are needed; what replicas share is moved once."""
        moved = {id(examples): examples.to(self.device) for examples in shares.values()}
        return {key: moved[id(examples)] for key, examples in shares.items()}

    def batches(self, shares: Shares, done: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Inputs, labels and tasks of a pass, in an order that each replica draws, from step `done` on."""
        orders: dict[int, Tensor] = {}
        for replica in (each for each in self.replicas if each.learning):
            if done == 0:
                replica.pass_began = replica.order.get_state()
            count = len(shares[id(replica)])
            kept = shares[id(replica)].ordered
            order = torch.arange(count) if kept else torch.randperm(count, generator=replica.order)
            orders[id(replica)] = order[done * self.size :].to(self.device)
        first = next(iter(orders))
        keys = [id(replica) if id(replica) in orders else first for replica in self.replicas]
        if len(keys) > 1 and len({id(shares[key]) for key in keys}) == 1:
            return self._of_the_same(shares[first], torch.stack([orders[key] for key in keys]))
        return self._together([shares[key].batches(orders[key], self.size) for key in keys])

    def _of_the_same(self, examples: Examples, orders: Tensor) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Batches of replicas that learn the same examples, each in its order [replicas, examples], read at once."""
        replicas = len(orders)
        order = torch.cat([part.flatten() for part in orders.split(self.size, 1)])
        for x, y, task in examples.batches(order, replicas * self.size):
            x, y = x.unflatten(0, (replicas, -1)), y.unflatten(0, (replicas, -1))
            task = task.unflatten(0, (replicas, -1)) if len(task) > 1 else task
            yield x.to(self.device), y.to(self.device), task.to(self.device)

    def _together(
        self, streams: Sequence[Iterator[tuple[Tensor, Tensor, Tensor]]]
    ) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        for parts in zip(*streams, strict=True):
            x, y, task = parts[0] if len(parts) == 1 else (torch.stack(each) for each in zip(*parts, strict=True))
            shared = task[0] if task.ndim == 2 and task.shape[1] == 1 else task
            yield x.to(self.device), y.to(self.device), shared.to(self.device)

    def prepared(self, batch: Batch, lose: Callable[[Replica, Exception], None]) -> Batch:
        """The batch as the strategy wants it; each replica prepares its own part.

        Args:
            batch: as it comes.
            lose: told of a replica that breaks.
        """
        if not self.prepares:
            return batch
        if len(self.replicas) == 1:
            return self.replicas[0].strategy.prepare(batch).joined()
        tasks = batch.task if batch.task.ndim == 2 else repeat(batch.task)
        found: dict[int, Batch] = {}
        for replica, x, y, task in zip(self.replicas, batch.x, batch.y, tasks, strict=False):
            if replica.learning:
                try:
                    found[id(replica)] = replica.strategy.prepare(batch._replace(x=x, y=y, task=task))
                except Exception as error:
                    lose(replica, error)
        if not found:
            return batch  # nobody is learning any more
        standing = next(iter(found.values()))
        return side_by_side([found.get(id(replica), standing) for replica in self.replicas])


def side_by_side(batches: Sequence[Batch]) -> Batch:
    """Those of replicas as one: joined, and stacked along a first dimension. A task that all share stays as it is."""
    first = batches[0]
    parts = [rows for each in batches for rows in each.parts()]
    x, y, task = (torch.cat(each).unflatten(0, (len(batches), -1)) for each in zip(*parts, strict=True))
    shared = len(first.task) == 1 and not first.added
    extras = {name: torch.stack([each.extras[name] for each in batches]) for name in first.extras}
    return first._replace(x=x, y=y, task=first.task if shared else task, extras=extras, added=())
