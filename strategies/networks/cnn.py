"""A small convolutional network."""

from typing import Annotated

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torch.nn.functional import max_pool2d

from scenarios.errors import RequestError
from strategies.networks.network import Connection, Gate, Network, gated, register


@register("cnn")
class CNN(Network):
    """Two 3×3 convolutions, each halved by max-pooling, and one hidden fully connected layer.

    Args:
        input_shape: channels, height and width of one input, at least 4×4.
        classes: number of outputs.
        channels: of the first convolution; the second has twice as many.
        hidden: units of the fully connected layer.
        dropout: share of its units dropped in training.
    """

    def __init__(
        self,
        input_shape: tuple[int, ...],
        classes: int,
        *,
        channels: PositiveInt = 16,
        hidden: PositiveInt = 128,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    ) -> None:
        super().__init__()
        if len(input_shape) != 3 or min(input_shape[1:]) < 4:
            raise RequestError(f"cnn needs images of at least 4×4 pixels, not inputs of shape {input_shape}")
        depth, height, width = input_shape
        self.gateable = (channels, 2 * channels, hidden)
        self.convolutions = nn.ModuleList(
            [nn.Conv2d(depth, channels, 3, padding=1), nn.Conv2d(channels, 2 * channels, 3, padding=1)]
        )
        self.hidden = nn.Linear(2 * channels * (height // 4) * (width // 4), hidden)
        self.dropout = nn.Dropout(dropout) if dropout else None
        self.output = nn.Linear(hidden, classes)
        self.connections = {
            "convolutions.0.weight": Connection(0, None),
            "convolutions.0.bias": Connection(0, None),
            "convolutions.1.weight": Connection(1, 0),
            "convolutions.1.bias": Connection(1, None),
            "hidden.weight": Connection(2, 1),
            "hidden.bias": Connection(2, None),
        }

    def features(self, x: Tensor, gate: Gate | None = None) -> Tensor:
        x = self.inputs(x)
        for layer, convolution in enumerate(self.convolutions):
            x = gated(max_pool2d(torch.relu(convolution(x)), 2), gate, layer)
        x = torch.relu(self.hidden(x.flatten(1)))
        if self.dropout is not None:
            x = self.dropout(x)
        return gated(x, gate, 2)
