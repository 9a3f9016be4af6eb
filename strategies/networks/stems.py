"""One network for inputs of several modalities: a stem for each, one trunk for all."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from scenarios.errors import RequestError
from scenarios.task import Modality
from strategies.networks.network import Connection, Gate, Network, gated

WIDTH = 64
"""Units that every stem has: what the trunk takes for an input."""


class Stems(Network):
    """A linear layer with rectified units for each modality, of the same width, and a trunk on top of them.

    Which stem an input goes through is the input's own first number, not a matter of the task. All stems are
    computed for all inputs and one is chosen, so that a step has the same operations for any batch. The units of the
    stems are a layer that can be gated, below those of the trunk.

    Args:
        modalities: in the order of their numbers.
        trunk: takes inputs [B, WIDTH]; its hidden layers and its output layer are those of the whole.
    """

    def __init__(self, modalities: Sequence[Modality], trunk: Network) -> None:
        super().__init__()
        self.sizes = [modality.size for modality in modalities]
        self.stems = nn.ModuleList(nn.Linear(size, WIDTH) for size in self.sizes)
        self.trunk = trunk
        self.gateable = (WIDTH, *trunk.gateable)
        self.connections = {}
        for number in range(len(self.stems)):
            self.connections[f"stems.{number}.weight"] = Connection(0, None)
            self.connections[f"stems.{number}.bias"] = Connection(0, None)
        for name, (writes, reads) in trunk.connections.items():
            first = reads is None and name.endswith("weight") and writes == 0
            below = 0 if first else None if reads is None else reads + 1
            self.connections[f"trunk.{name}"] = Connection(writes + 1, below)

    @property
    def output(self) -> nn.Linear:  # type: ignore[override]
        return self.trunk.output

    def features(self, x: Tensor, gate: Gate | None = None) -> Tensor:
        x = self.inputs(x)
        chosen = x[:, :1] == torch.arange(len(self.sizes), device=x.device)
        stems = [stem(x[:, 1 : 1 + size]) for stem, size in zip(self.stems, self.sizes, strict=True)]
        hidden = torch.relu((torch.stack(stems, 1) * chosen[:, :, None].to(x.dtype)).sum(1))
        hidden = gated(hidden, gate, 0)
        return self.trunk.features(hidden, gate[1:] if gate is not None else None)


def stems(modalities: Sequence[Modality], make: Callable[[tuple[int, ...]], Network]) -> Network:
    """Stems for these modalities under a trunk.

    Raises:
        RequestError: where the trunk wants other inputs than vectors.
    """
    try:
        trunk = make((WIDTH,))
    except RequestError as error:
        raise RequestError(f"several modalities go through a trunk that takes vectors, such as mlp: {error}") from None
    return Stems(modalities, trunk)
