"""Progressive neural networks (Rusu et al. 2016)."""

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from scenarios.errors import RequestError
from scenarios.task import Task
from strategies.networks.mlp import MLP
from strategies.networks.network import Network
from strategies.strategy import Batch, Strategy, Work, register

SCALE = 0.1
"""The scales of earlier columns are drawn from ± this: the paper says random and small."""

Column = dict[str, Tensor]
"""What a network of its own is made of: for layer number i weight_i, bias_i and, from layer 1 on, its adapter's
up_i [units, units below], down_i [units below, columns · units below] and scales_i [columns]."""


@register("pnn")
class PNN(Strategy):
    """Progressive networks: a new network for each task, which also reads what those of earlier tasks compute.

    Task k has a column of its own, of the given network's architecture and drawn afresh; earlier columns are
    fixed. From its second layer on it reads their features below through an adapter (eq. 2):

        h_i^(k) = f(W_i^(k) h_{i−1}^(k) + U_i^(k) f(V_i^(k) [α^(j) h_{i−1}^(j)]_{j<k}))

    with the features of earlier columns side by side in [·], each column's with a learned scale α; V projects
    them onto as many as one column has, and f is the network's activation. The output layer is such a layer
    too, without the outer f; the rows of its W and U belong to the task of their classes, so one serves all
    columns.

    Nothing is ever forgotten. The price: all columns are stored (as buffers), with adapters that grow with their
    number, and the time of a step grows with it likewise; compiled, it is compiled anew in every task. A task
    that has not begun is answered by the newest column. Earlier columns are read without dropout. Only an mlp can
    be given such columns here.

    Args:
        network: the first column.
    """

    paper = "Rusu et al. 2016, arXiv 1606.04671"
    needs = frozenset({"task at test time", "task boundaries", "fresh optimiser", "one output a class"})
    network: MLP

    def __init__(self, network: Network) -> None:
        if not isinstance(network, MLP):
            raise RequestError(f"pnn grows columns of an mlp, which {type(network).__name__} is not: --network mlp")
        super().__init__(network)
        below = network.gateable
        sizes = zip((*below[1:], network.output.out_features), below, strict=True)
        self.up = nn.ParameterList(uniform((units, read), read**-0.5) for units, read in sizes)
        self.down = nn.ParameterList(torch.empty(read, 0) for read in below)
        self.scales = nn.ParameterList(torch.empty(0) for _ in below)
        self.earlier = nn.Module()

    @property
    def number(self) -> int:
        """Of the newest column, from 0."""
        return len(self.scales[0])

    def newest(self) -> Column:
        """The column that learns."""
        column: Column = {}
        for layer, module in enumerate([*self.network.hidden, self.network.output]):
            column |= {f"{name}_{layer}": parameter for name, parameter in module.named_parameters()}
        for layer, parts in enumerate(zip(self.up, self.down, self.scales, strict=True), 1):
            column |= {f"{name}_{layer}": part for name, part in zip(("up", "down", "scales"), parts, strict=True)}
        return column

    def columns(self) -> list[Column]:
        """All of them, in the order of their tasks; the output layer is one and the same."""
        newest = self.newest()
        return [
            {name: getattr(self.earlier, f"{name}_of_{number}", part) for name, part in newest.items()}
            for number in range(self.number)
        ] + [newest]

    @torch.no_grad()
    def start_task(self, task: Task) -> None:
        if task.index == 0:
            return
        newest, last, device = self.newest(), len(self.network.hidden), self.masks.device
        for name in (f"weight_{last}", f"bias_{last}", f"up_{last}"):
            del newest[name]
        for name, part in newest.items():
            self.earlier.register_buffer(f"{name}_of_{self.number}", part.detach().clone())
            kind, _, layer = name.partition("_")
            if kind in ("weight", "bias", "up"):
                read = newest[f"weight_{layer}"].shape[1]
                part.copy_(uniform(part.shape, read**-0.5, self.generator))
        for adapter, width in enumerate(self.network.gateable):
            wide = width * task.index
            down = uniform((width, wide), wide**-0.5, self.generator)
            scales = uniform((task.index,), SCALE, self.generator)
            self.down[adapter], self.scales[adapter] = nn.Parameter(down.to(device)), nn.Parameter(scales.to(device))

    def forward(self, batch: Batch) -> Tensor:
        network, columns = self.network, self.columns()
        x = network.inputs(batch.x).flatten(1)
        features = [x] * len(columns)
        if network.input_dropout is not None:
            features[-1] = network.input_dropout(x)
        for layer in range(len(network.hidden)):
            above = [self.read(column, layer, features[: place + 1]) for place, column in enumerate(columns)]
            features = [network.activation(each) for each in above]
            if network.dropout is not None:
                features[-1] = network.dropout(features[-1])
        last = len(network.hidden)
        if self.training:  # all examples are of the newest task
            return batch.masked(self.read(columns[-1], last, features))
        every = [self.read(column, last, features[: place + 1]) for place, column in enumerate(columns)]
        chosen = batch.task.clamp(max=self.number).expand(len(x))[None, :, None]
        logits = torch.stack(every)
        return batch.masked(logits.gather(0, chosen.expand_as(logits[:1])).squeeze(0))

    def read(self, column: Column, layer: int, below: list[Tensor]) -> Tensor:
        """What a layer of a column makes of the features below, those of earlier columns and its own, before f."""
        *others, own = below
        x = linear(own, column[f"weight_{layer}"], column[f"bias_{layer}"])
        if layer == 0 or not others:
            return x
        scaled = torch.cat(others, 1) * column[f"scales_{layer}"].repeat_interleave(own.shape[1])
        return x + linear(self.network.activation(linear(scaled, column[f"down_{layer}"])), column[f"up_{layer}"])

    def adjust_gradients(self, gradients: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """Rows of other tasks in the output layer stand still, under weight decay too."""
        active = batch.active.any(0)
        adjusted = dict(gradients)
        for name in ("network.output.weight", "network.output.bias", f"up.{len(self.up) - 1}"):
            gradient = gradients[name]
            adjusted[name] = gradient * active.reshape(-1, *[1] * (gradient.ndim - 1))
        return adjusted

    def step_work(self, batch: Batch) -> Work:
        size = batch.y.shape[-1]
        return Work(size * (self.number + 1), size)


def uniform(shape: tuple[int, ...], bound: float, generator: torch.Generator | None = None) -> Tensor:
    """Numbers between ± bound."""
    return bound * (2 * torch.rand(shape, generator=generator) - 1)
