"""The contract of a network: hidden layers that a strategy can gate, and features it can read."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from scenarios.options import Reference, canonical
from scenarios.readout import Codes
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
        output: the last linear layer, from features to one logit a class, or to the units of the readout.
        input_shape: shape of one input; `build_network` sets it.
        readout: how outputs become answers where they are not one a class; `build_network` sets it.
    """

    input_shape: tuple[int, ...]
    gateable: tuple[int, ...]
    connections: dict[str, Connection]
    output: nn.Linear
    readout: Codes | None

    def __init__(self) -> None:
        super().__init__()
        self.readout = None
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

    @property
    def classes(self) -> int:
        """How many there are to choose from."""
        return self.output.out_features if self.readout is None else self.readout.classes

    @abstractmethod
    def features(self, x: Tensor, gate: Gate | None = None) -> Tensor:
        """What the output layer reads: [batch, features]. `x` is as a scenario gives it."""

    def forward(self, x: Tensor, gate: Gate | None = None) -> Tensor:
        """Logits of all classes, [batch, classes]."""
        outputs = self.output(self.features(x, gate))
        return outputs if self.readout is None else self.readout(outputs)

    def criterion(self, logits: Tensor, y: Tensor, reduction: Literal["mean", "none"] = "mean") -> Tensor:
        """What training lowers: the cross-entropy, or what the readout says."""
        if self.readout is None:
            return cross_entropy(logits, y, reduction=reduction)
        return self.readout.criterion(logits, y, reduction)


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
    from strategies.networks.stems import stems  # it is a network too

    reference = Reference.parse(text)
    builder = NETWORKS.get(reference.name)
    outputs = scenario.classes if scenario.readout is None else scenario.readout.units

    def make(input_shape: tuple[int, ...]) -> Network:
        return builder(input_shape, outputs, **reference.bind(builder))

    network = make(scenario.input_shape) if not scenario.modalities else stems(scenario.modalities, make)
    network.input_shape = scenario.input_shape
    network.readout = copy.deepcopy(scenario.readout)
    if scenario.standardise is not None:
        network.standardise(*scenario.standardise)
    return network
