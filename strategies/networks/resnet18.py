"""The reduced ResNet-18 of Lopez-Paz & Ranzato 2017."""

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from scenarios.errors import RequestError
from strategies.networks.network import Connection, Gate, Network, gated, register


class Block(nn.Module):
    """Two 3×3 convolutions with batch normalisation, added to their input (He et al. 2016)."""

    def __init__(self, incoming: int, outgoing: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(incoming, outgoing, 3, stride, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(outgoing)
        self.second = nn.Conv2d(outgoing, outgoing, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(outgoing)
        self.shortcut: nn.Module | None = None
        if stride != 1 or incoming != outgoing:
            self.shortcut = nn.Sequential(
                nn.Conv2d(incoming, outgoing, 1, stride, bias=False), nn.BatchNorm2d(outgoing)
            )

    def forward(self, x: Tensor, gate: Gate | None, layer: int) -> Tensor:
        shortcut = x if self.shortcut is None else self.shortcut(x)
        x = gated(torch.relu(self.first_norm(self.first(x))), gate, layer)
        return gated(torch.relu(self.second_norm(self.second(x)) + shortcut), gate, layer + 1)


@register("resnet18")
class ResNet18(Network):
    """ResNet-18 with 20 channels instead of 64, as in GEM; every convolution's channels are gateable.

    Its running averages of batch normalisation follow the data of every task; no gate holds them still.

    Args:
        input_shape: channels, height and width of one input.
        classes: number of outputs.
        channels: of the first stage; the following have 2, 4 and 8 times as many.
    """

    def __init__(self, input_shape: tuple[int, ...], classes: int, *, channels: PositiveInt = 20) -> None:
        super().__init__()
        if len(input_shape) != 3:
            raise RequestError(f"resnet18 needs images, not inputs of shape {input_shape}")
        self.stem = nn.Conv2d(input_shape[0], channels, 3, padding=1, bias=False)
        self.stem_norm = nn.BatchNorm2d(channels)
        self.blocks = nn.ModuleList()
        sizes = [channels]
        for stage in range(4):
            outgoing = channels * 2**stage
            for stride in (1 if stage == 0 else 2, 1):
                self.blocks.append(Block(sizes[-1], outgoing, stride))
                sizes += [outgoing, outgoing]
        self.gateable = tuple(sizes)
        self.output = nn.Linear(sizes[-1], classes)
        self.connections = {"stem.weight": Connection(0, None)}
        self.connections |= {f"stem_norm.{name}": Connection(0, None) for name in ("weight", "bias")}
        for index in range(len(self.blocks)):
            layer = 2 * index + 1
            for name, writes, reads in (
                ("first", layer, layer - 1),
                ("second", layer + 1, layer),
                ("shortcut.0", layer + 1, layer - 1),
            ):
                self.connections[f"blocks.{index}.{name}.weight"] = Connection(writes, reads)
            for name, writes in (
                ("first_norm", layer),
                ("second_norm", layer + 1),
                ("shortcut.1", layer + 1),
            ):
                self.connections[f"blocks.{index}.{name}.weight"] = Connection(writes, None)
                self.connections[f"blocks.{index}.{name}.bias"] = Connection(writes, None)
        owned = dict(self.named_parameters())
        self.connections = {name: place for name, place in self.connections.items() if name in owned}

    def features(self, x: Tensor, gate: Gate | None = None) -> Tensor:
        x = gated(torch.relu(self.stem_norm(self.stem(self.inputs(x)))), gate, 0)
        for index, block in enumerate(self.blocks):
            x = block(x, gate, 2 * index + 1)
        return adaptive_avg_pool2d(x, 1).flatten(1)
