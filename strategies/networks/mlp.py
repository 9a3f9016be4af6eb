"""Multi-layer perceptrons."""

import math
from itertools import pairwise
from typing import Annotated, Literal

import torch
from pydantic import Field, PositiveFloat
from torch import Tensor, nn

from strategies.networks.network import Connection, Gate, Network, gated, register

ACTIVATIONS = {"relu": torch.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid}


@register("mlp")
class MLP(Network):
    """Fully connected layers; `mlp:400x400` has two hidden layers of 400 units.

    Args:
        input_shape: shape of one input; it is flattened.
        classes: number of outputs.
        hidden: units of each hidden layer, joined by "x".
        dropout: share of hidden units dropped in training.
        input_dropout: share of inputs dropped in training.
        activation: of the hidden units.
        initial: weights: "torch": its own, uniform within ± 1/√inputs, biases too; "xavier": uniform within
            ± √(6 / (inputs + outputs)), biases zero (Glorot & Bengio 2010), as in Mammoth; a number: uniform
            within ± that, biases too.
    """

    def __init__(
        self,
        input_shape: tuple[int, ...],
        classes: int,
        *,
        hidden: Annotated[str, Field(pattern=r"^[1-9][0-9]*(x[1-9][0-9]*)*$")] = "400x400",
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
        input_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
        activation: Literal["relu", "tanh", "sigmoid"] = "relu",
        initial: Literal["torch", "xavier"] | PositiveFloat = "torch",
    ) -> None:
        super().__init__()
        self.gateable = tuple(int(units) for units in hidden.split("x"))
        sizes = (math.prod(input_shape), *self.gateable)
        self.hidden = nn.ModuleList(nn.Linear(*pair) for pair in pairwise(sizes))
        self.output = nn.Linear(sizes[-1], classes)
        if isinstance(initial, float):
            for parameter in self.parameters():
                nn.init.uniform_(parameter, -initial, initial)
        elif initial == "xavier":
            for layer in (*self.hidden, self.output):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)
        self.activation = ACTIVATIONS[activation]
        self.input_dropout = nn.Dropout(input_dropout) if input_dropout else None
        self.dropout = nn.Dropout(dropout) if dropout else None
        self.connections = {}
        for place in range(len(self.gateable)):
            self.connections[f"hidden.{place}.weight"] = Connection(place, place - 1 if place else None)
            self.connections[f"hidden.{place}.bias"] = Connection(place, None)

    def features(self, x: Tensor, gate: Gate | None = None) -> Tensor:
        x = self.inputs(x).flatten(1)
        if self.input_dropout is not None:
            x = self.input_dropout(x)
        for layer, linear in enumerate(self.hidden):
            x = self.activation(linear(x))
            if self.dropout is not None:
                x = self.dropout(x)
            x = gated(x, gate, layer)
        return x
