"""The contract of a network: hidden layers that a strategy can gate, and features it can read."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from scenarios.options import Reference, canonical
from scenarios.task import Scenario
from strategies.catalogue import NETWORKS

Gate = Sequence[Tensor]
"""One tensor a gateable layer, each [1, units] or [batch, units], multiplied onto the layer's outputs."""


class Connection(NamedTuple):
    """Which gateable layers a parameter lies between.

    Attributes:
        writes: the layer whose units are the first dimension of the parameter.
        reads: the layer whose units are its second dimension (each unit repeated equally often where a map
            of several places is flattened); None for biases and for what reads the input.
    """

    writes: int
    reads: int | None


class Network(nn.Module, ABC):
    """A network with one output a class.

    A subclass defines `features` and sets `gateable`, `connections` and `output`.

    Attributes:
        gateable: number of units (or channels) of each layer that a gate can be put on, input to output.
        connections: for every parameter that writes a gateable layer, between which layers it lies.
        output: the last linear layer, from features to one logit a class.
        input_shape: shape of one input; `build_network` sets it.
    """

    input_shape: tuple[int, ...]
    gateable: tuple[int, ...]
    connections: dict[str, Connection]
    output: nn.Linear

    def __init__(self) -> None:
        super().__init__()
        self.scale, self.shift = 1 / 255, 0.0

    def standardise(self, mean: float, deviation: float) -> None:
        """Subtract a mean from, and divide by a deviation, every input; both on the scale [0, 1]."""
        self.scale, self.shift = 1 / (255 * deviation), -mean / deviation

    def inputs(self, x: Tensor) -> Tensor:
        """Inputs as the first layer wants them: bytes scaled to [0, 1], then standardised if asked.

        Floats are taken to be on [0, 1] already, so a probe can move pixels by less than a grey level.
        """
        if x.dtype == torch.uint8:
            x = x.float().mul_(self.scale)
        elif self.scale != 1 / 255:
            x = x * (255 * self.scale)
        return x + self.shift if self.shift else x

    @abstractmethod
    def features(self, x: Tensor, gate: Gate | None = None) -> Tensor:
        """What the output layer reads: [batch, features]. `x` is as a scenario gives it."""

    def forward(self, x: Tensor, gate: Gate | None = None) -> Tensor:
        """Logits of all classes, [batch, classes]."""
        return self.output(self.features(x, gate))


def gated(x: Tensor, gate: Gate | None, layer: int) -> Tensor:
    """The outputs of a gateable layer, [batch, units] or [batch, channels, height, width], after its gate."""
    if gate is None:
        return x
    return x * (gate[layer] if x.ndim == 2 else gate[layer][:, :, None, None])


register = NETWORKS.register


def network_reference(text: str) -> str:
    """The canonical spelling of a network's reference, checked.

    Raises:
        RequestError: for a network or option there is not, or a value that is not possible.
    """
    reference = Reference.parse(text)
    builder = NETWORKS.get(reference.name)
    return canonical(reference.name, builder, reference.bind(builder))


def build_network(text: str, scenario: Scenario) -> Network:
    """The network of a reference for the inputs and classes of a scenario, freshly initialised.

    Raises:
        RequestError: as `network_reference`, or where the inputs do not suit the network.
    """
    reference = Reference.parse(text)
    builder = NETWORKS.get(reference.name)
    network = builder(scenario.input_shape, scenario.classes, **reference.bind(builder))
    network.input_shape = scenario.input_shape
    if scenario.standardise is not None:
        network.standardise(*scenario.standardise)
    return network
